// SPDX-License-Identifier: BSD-3-Clause
//
// From JSON values to the model. Each function reads one kind of value of the
// format and notes what is wrong with it (see cursor.hpp).
#pragma once

#include <vector>

#include "scenario/cursor.hpp"
#include "scenario/model.hpp"

namespace testkit {

// decode.cpp: the body of a file, less what read_matrix() and the head read.
Scenario decode_scenario(Object& root, Transport transport);

// decode-server.cpp
Server decode_server(const Value& value, Transport transport);
// An object of servers by name.
std::vector<std::pair<std::string, Server>> decode_other_servers(const Value& value,
                                                                 Transport transport);

// decode-network.cpp
Network decode_network(const Value& value);

// decode-wire.cpp
std::vector<proxy::Rule> decode_wire(const Value& value);

// decode-client.cpp
std::vector<ClientGroup> decode_clients(const Value& value, Transport transport);
std::vector<Command> decode_setup(const Value& value);
// exit, stdout, stderr, within, at_least
void read_command_expect(Object& expect, CommandExpect& out);

// decode-step.cpp
std::vector<Step> decode_steps(const Value& value, Transport transport);

// decode-process.cpp: steps that are no requests.
extern const std::vector<std::string> kProcessSteps;
ProcessFault decode_process_fault(ProcessFault::Kind kind, const Value& value, Transport transport);
ControlCall decode_control_call(const Value& value);
int signal_from_name(const std::string& name);  // "SIGTERM"; 0: there is none

// decode-expect.cpp
TextCheck decode_text_check(const Value& value);
void read_time_check(Object& expect, TimeCheck& out);
CountCheck decode_count_check(const Value& value);
std::vector<RequestCheck> decode_request_checks(const Value& value);
Content decode_content(const Value& value);
// The expectations that a step of this kind can have.
StepExpect decode_step_expect(const Value& value, const Step& step);

// exportname, size and the like: "key": scalar, or a list for a repeated key.
std::vector<Parameter> decode_parameters(const Value& value);

}  // namespace testkit
