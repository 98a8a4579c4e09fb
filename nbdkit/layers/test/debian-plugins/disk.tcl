# A disk that is the file that file= names; bad= is a byte that cannot be read.
# For the Tcl plugin.
set path ""
set bad -1

proc config {key value} {
    switch -- $key {
        file { set ::path $value }
        bad { set ::bad $value }
        default { error "unknown parameter $key" }
    }
}
proc plugin_open {readonly} {
    set h [open $::path r+]
    fconfigure $h -translation binary
    return $h
}
proc plugin_close {h} { close $h }
proc get_size {h} { return [file size $::path] }
proc pread {h count offset} {
    if {$offset <= $::bad && $::bad < $offset + $count} { error "a bad byte" }
    seek $h $offset
    return [read $h $count]
}
proc pwrite {h buf offset} {
    seek $h $offset
    puts -nonewline $h $buf
}
proc plugin_flush {h} { flush $h }
proc zero {h count offset may_trim} {
    pwrite $h [binary format x$count] $offset
}
proc trim {h count offset} { zero $h $count $offset 1 }
