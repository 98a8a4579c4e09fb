-- A disk in memory, a copy of the file that file= names; bad= is a byte that
-- cannot be read. For the Lua plugin. In blocks, as strings do not change.
local block = 4096
local blocks, size, bad = {}, 0, -1

function config(key, value)
  if key == "file" then
    local file = assert(io.open(value, "rb"))
    local all = file:read("a")
    file:close()
    size = #all
    for i = 0, (size - 1) // block do
      blocks[i] = all:sub(i * block + 1, (i + 1) * block)
    end
  elseif key == "bad" then
    bad = tonumber(value)
  else
    error("unknown parameter " .. key)
  end
end

function open(readonly) return {} end
function get_size(h) return size end

function pread(h, count, offset)
  if offset <= bad and bad < offset + count then error("a bad byte") end
  local parts = {}
  for i = offset // block, (offset + count - 1) // block do parts[#parts + 1] = blocks[i] end
  local from = offset % block
  return table.concat(parts):sub(from + 1, from + count)
end

function pwrite(h, buf, offset)
  local done = 0
  while done < #buf do
    local i, from = (offset + done) // block, (offset + done) % block
    local piece = buf:sub(done + 1, done + block - from)
    blocks[i] = blocks[i]:sub(1, from) .. piece .. blocks[i]:sub(from + #piece + 1)
    done = done + #piece
  end
end

function flush(h) end
function zero(h, count, offset, may_trim) pwrite(h, string.rep("\0", count), offset) end
function trim(h, count, offset) pwrite(h, string.rep("\0", count), offset) end
