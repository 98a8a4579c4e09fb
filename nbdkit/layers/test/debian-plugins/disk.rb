# A disk in memory, a copy of the file that file= names; bad= is a byte that
# cannot be read. For the Ruby plugin.
$disk = ""
$bad = -1

def config(key, value)
  case key
  when "file" then $disk = File.binread(value)
  when "bad" then $bad = value.to_i
  else raise "unknown parameter #{key}"
  end
end

def open(readonly)
  { readonly: readonly }
end

def get_size(h)
  $disk.bytesize
end

def pread(h, count, offset)
  if offset <= $bad && $bad < offset + count
    Nbdkit.set_error(Errno::EPERM)
    raise "a bad byte"
  end
  $disk.byteslice(offset, count)
end

def pwrite(h, buf, offset)
  $disk[offset, buf.bytesize] = buf.dup.force_encoding("BINARY")
end

def flush(h)
end

def zero(h, count, offset, may_trim)
  unless may_trim
    Nbdkit.set_error(Errno::EOPNOTSUPP)
    raise "write them yourself"
  end
  $disk[offset, count] = ("\0" * count).b
end

def trim(h, count, offset)
  $disk[offset, count] = ("\0" * count).b
end
