// What the page knows: asked from the server, kept in memory.
import { language } from "/texts.js";

const keptMs = 3600 * 1000;
export const plotted = ["gpu_util", "sm_activity", "tensor_activity", "dram_activity", "memory_used_mib", "power_w",
  "temperature_c"];
const hostPlotted = ["cpu_percent", "iowait_percent"];

// The token stays in this page's memory and out of the address bar, the history and the log of a proxy.
let token = "";
{
  const address = new URL(location.href);
  const given = address.searchParams.get("token") || new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    token = given;
    address.searchParams.delete("token");
    address.hash = "";
    history.replaceState(null, "", address);
  }
}
export const useToken = (text) => { token = text.trim(); };

export class Refused extends Error {}
export class NotReached extends Error {}

async function ask(path, parameters = {}) {
  const query = new URLSearchParams({ ...parameters, lang: language });
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let answer;
  try {
    answer = await fetch(`/api/v1/${path}?${query}`, { headers, signal: AbortSignal.timeout(8000) });
  } catch {
    throw new NotReached();
  }
  if (answer.status === 401) throw new Refused(token ? "wrong" : "none");
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return answer.json();
}

export const store = { facts: null, latest: null, run: null, recent: null, times: [], gpus: [], host: {} };

function forget(facts) {
  store.facts = facts;
  store.run = store.recent = null;
  store.times = [];
  store.gpus = facts.gpus.map(() => Object.fromEntries(plotted.map((key) => [key, []])));
  store.host = Object.fromEntries(hostPlotted.map((key) => [key, []]));
}

// Adds the points that are newer than what is here; columns that the answer lacks become nulls.
function append(answer) {
  const newest = store.times.length ? store.times[store.times.length - 1] : -Infinity;
  const first = answer.unix_ms.findIndex((time) => time > newest);
  if (first < 0) return;
  const added = answer.unix_ms.slice(first);
  store.times.push(...added);
  const extend = (column, values) => column.push(...(values ? values.slice(first) : added.map(() => null)));
  store.gpus.forEach((gpu, i) => plotted.forEach((key) => extend(gpu[key], answer.gpus[i].metrics[key])));
  hostPlotted.forEach((key) => extend(store.host[key], answer.host[key]));
  const old = store.times.findIndex((time) => time >= store.times[store.times.length - 1] - keptMs);
  const columns = [store.times, ...store.gpus.flatMap((gpu) => Object.values(gpu)), ...Object.values(store.host)];
  for (const column of columns) column.splice(0, old);
}

// One round of questions. Returns whether the server is another one than before.
export async function refresh(withSummaries) {
  const latest = await ask("latest");
  const restarted = store.facts !== null && store.facts.started_unix_ms !== latest.started_unix_ms;
  if (store.facts === null || restarted) forget(await ask("gpus"));
  const since = store.times.length ? latest.unix_ms - store.times[store.times.length - 1] : keptMs;
  const seconds = Math.min(since, keptMs) / 1000 + 1;
  append(await ask("history", { seconds, metrics: [...plotted, ...hostPlotted].join(",") }));
  if (withSummaries || store.run === null) {
    store.run = await ask("summary", { window: "run" });
    store.recent = await ask("summary", { window: "recent" });
  }
  store.latest = latest;
  return restarted;
}
