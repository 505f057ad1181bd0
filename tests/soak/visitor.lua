-- One visitor with several tabs, for wrk: its cookie is in COOKIE; what responses set is kept, as a browser would.
-- Prints one line when it is done: counts by status, errors, the slowest response, and the cookie of the end.
local paths = { "/api/data/items", "/session", "/api/data/items", "/api/auth/status" }
local visitor

function setup(thread)
  visitor = thread
  thread:set("cookie", os.getenv("COOKIE"))
end

function init()
  turn, logouts, statuses = 0, 0, ""
  counts = {}
end

function request()
  turn = turn + 1
  return wrk.format("GET", paths[turn % #paths + 1], { ["Cookie"] = cookie })
end

-- Think time, in milliseconds: a soak, not a benchmark.
function delay()
  return 10
end

function response(status, headers)
  counts[status] = (counts[status] or 0) + 1
  statuses = ""
  for code, count in pairs(counts) do statuses = statuses .. " " .. code .. "=" .. count end
  for name, value in pairs(headers) do
    if name:lower() == "set-cookie" and value:find("^__Host%-demo=") then
      if value:find("Max%-Age=0;") then logouts = logouts + 1 end
      cookie = value:match("^[^;]*")
    end
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("visitor slowest_ms=%d logouts=%d broken=%d%s\n", math.ceil(latency.max / 1000),
    visitor:get("logouts"), errors.connect + errors.read + errors.write + errors.timeout, visitor:get("statuses")))
  io.write("cookie " .. visitor:get("cookie") .. "\n")
end
