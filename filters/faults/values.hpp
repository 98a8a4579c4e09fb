// SPDX-License-Identifier: BSD-3-Clause
//
// The values of a rule's words. Each function reads all of the piece, or fails with
// a sentence that points at it.
#pragma once

#include "faults/lexer.hpp"
#include "faults/rule.hpp"

namespace nbd::filters {

uint64_t read_count(const Piece& piece);  // from 1
uint64_t read_size(const Piece& piece);   // "4K"
std::chrono::nanoseconds read_time(const Piece& piece);
double read_probability(const Piece& piece);  // "10%", "0.1", "1/10": at most 1

std::vector<Range> read_counts(const Piece& piece);   // "3", "3-5", "3,7-"
Range read_count_range(const Piece& piece);           // one of those
std::vector<Range> read_offsets(const Piece& piece);  // "1M-2M", end not included; "1M+4K"
Range read_lengths(const Piece& piece);               // "512", "4K-64K", ends included
Range read_bytes(const Piece& piece);                 // "1M", "1M-2M", "-2M"
Range read_times(const Piece& piece);                 // "5s", "5s-10s", "-10s"

KindSet read_kinds(const Piece& piece);  // "read,write"
// The kinds of one word; empty if it is none.
KindSet kinds_of(std::string_view word);
std::vector<std::string> kind_words();

void read_flags(const Piece& piece, Flags& set, Flags& clear);  // "fua,!no-hole"
std::vector<WeightedError> read_errors(const Piece& piece);     // "EIO:3,ENOSPC"
Distribution read_distribution(const Piece& piece);             // "10ms", "normal:50ms:10ms"
int64_t read_displacement(const Piece& piece);                  // "+4K", "-1M"

}  // namespace nbd::filters
