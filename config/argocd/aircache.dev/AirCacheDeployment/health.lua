-- Health of an AirCacheDeployment for Argo CD, from the conditions that kstatus reads too: Stalled is Degraded, Reconciling is
-- Progressing, Ready is Healthy. What the tuner says (TuningActive, ObjectivesMet, QualityHealthy) never changes it.
-- Argo CD runs this with Lua's base and table libraries alone.
local hs = {status = "Progressing", message = "the operator has not looked at this generation yet"}

local status = obj.status
if status == nil or status.observedGeneration == nil or status.observedGeneration ~= obj.metadata.generation then
  return hs
end

local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end

local function is(condition, value)
  return condition ~= nil and condition.status == value
end
local function say(state, condition)
  return {status = state, message = condition.reason .. ": " .. condition.message}
end

local ready, reconciling, stalled = found["Ready"], found["Reconciling"], found["Stalled"]
if is(stalled, "True") then
  return say("Degraded", stalled)
end
if obj.spec.paused then
  -- While paused, Reconciling names the children that are not what Git says; without it nothing waits.
  if is(reconciling, "True") then
    return say("Suspended", reconciling)
  end
  if ready ~= nil then
    return say("Suspended", ready)
  end
end
if is(reconciling, "True") then
  return say("Progressing", reconciling)
end
if is(ready, "True") then
  return say("Healthy", ready)
end
if ready ~= nil then
  return say("Progressing", ready)
end
return hs
