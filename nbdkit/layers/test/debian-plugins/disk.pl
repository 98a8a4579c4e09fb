# A disk in memory, a copy of the file that file= names; bad= is a byte that
# cannot be read. For the Perl plugin.
use strict;
use POSIX ();

my $disk = '';
my $bad = -1;

sub config {
    my ($key, $value) = @_;
    if ($key eq 'file') {
        CORE::open(my $file, '<:raw', $value) or die "$value: $!";
        local $/;
        $disk = <$file>;
    } elsif ($key eq 'bad') { $bad = $value }
    else { die "unknown parameter $key" }
}
sub open { return {readonly => shift} }
sub can_write { return 1 }
sub can_flush { return 1 }
sub can_trim { return 1 }
sub get_size { return length $disk }
sub pread {
    my ($h, $count, $offset, $flags) = @_;
    if ($offset <= $bad && $bad < $offset + $count) {
        Nbdkit::set_error(POSIX::EPERM);
        die "a bad byte";
    }
    return substr $disk, $offset, $count;
}
sub pwrite {
    my ($h, $buf, $offset, $flags) = @_;
    substr($disk, $offset, length $buf) = $buf;
}
sub flush { }
sub zero {
    my ($h, $count, $offset, $flags) = @_;
    if (!($flags & $Nbdkit::FLAG_MAY_TRIM)) {
        Nbdkit::set_error(POSIX::EOPNOTSUPP);
        die "write them yourself";
    }
    substr($disk, $offset, $count) = "\0" x $count;
}
sub trim {
    my ($h, $count, $offset, $flags) = @_;
    substr($disk, $offset, $count) = "\0" x $count;
}
