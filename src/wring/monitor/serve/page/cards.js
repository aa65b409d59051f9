// The parts of the page as elements. Each maker returns {root, update}; texts go in as text, never as markup.
import { draw, timeAt } from "/charts.js";
import { energy, gib, missing, number, percent, say, sentence, span } from "/texts.js";
import { store } from "/store.js";

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") node.textContent = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// What all plots share: the span of time shown, and the moment under the pointer.
export const view = { rangeMs: 600000, hover: null, changed: () => {} };

function window_() {
  const to = store.times.length ? store.times[store.times.length - 1] : Date.now();
  return { from: to - view.rangeMs, to };
}

export function plot(label, height) {
  const canvas = element("canvas", { role: "img", "aria-label": label, class: `plot ${height}` });
  canvas.addEventListener("pointermove", (event) => {
    const { from, to } = window_();
    view.hover = timeAt(canvas, event, from, to);
    view.changed();
  });
  canvas.addEventListener("pointerleave", () => { view.hover = null; view.changed(); });
  const update = (series, marks) => draw(canvas, {
    times: store.times, series, marks, ...window_(), hover: view.hover, nowText: say("now"),
    gap: Math.max(3, 3 * (store.latest?.interval_s || 1)) * 1000,
  });
  return { root: canvas, update };
}

// The newest value, or the one under the pointer.
export function shown(column, newest) {
  if (view.hover === null) return newest;
  let best = null, distance = Infinity;
  store.times.forEach((time, i) => {
    if (Math.abs(time - view.hover) < distance) [best, distance] = [i, Math.abs(time - view.hover)];
  });
  return best === null ? null : column[best];
}

const activities = [["gpu_util", "util"], ["sm_activity", "sm"], ["tensor_activity", "tensor"],
  ["dram_activity", "dram"]];
const percentMarks = [[0, "0"], [0.5, "50"], [1, "100"]];

function figure(name, label) {
  const value = element("b", { text: missing });
  const dot = name ? [element("i", { class: `dot ${name}` })] : [];
  return { root: element("div", { class: "figure" }, element("span", {}, ...dot, label), value),
    update: (text) => { value.textContent = text; } };
}

// --- One GPU -----------------------------------------------------------------------------------------------------------

function verdictPanel() {
  const root = element("section", { class: "verdict", "aria-label": say("verdict") });
  let before = "";
  const update = (summary, duration) => {
    // What was measured inside the program counts over what the card showed.
    const inside = summary?.inside_verdict;
    const verdict = inside ?? summary?.verdicts[0];
    const why = summary?.no_verdict;
    const now = JSON.stringify([verdict, why, duration < 20]);
    if (now === before) return;
    before = now;
    root.dataset.key = verdict ? verdict.key : "none";
    if (!verdict) {
      root.replaceChildren(element("p", { class: "quiet",
        text: duration < 20 ? say("gathering") : why ? `${say("noVerdict")}: ${why}.` : say("noVerdict") }));
      return;
    }
    root.replaceChildren(
      element("h3", { text: sentence(verdict.headline) }, element("small", {
        text: `${say(inside ? "inside" : "verdict")} · ${percent(verdict.confidence * 100)} ${say("sure")}` })),
      element("p", { class: "numbers", text: verdict.numbers, title: verdict.rule }),
      element("p", {}, element("b", { text: `${say("next")}: ` }), verdict.next_step));
  };
  return { root, update };
}

function runLine() {
  const root = element("dl", { class: "run" });
  const update = (summary, duration) => {
    const util = summary?.metrics.gpu_util;
    const rows = [[say("run"), span(duration)]];
    if (util) {
      rows.push([`${say("util")} ${say("average")}`, percent(util.mean)], [say("p95"), percent(util.p95)],
        [say("under10"), percent(util.under_10_share * 100)]);
    }
    const sm = summary?.metrics.sm_activity;
    if (sm) rows.push([`SM ${say("average")}`, percent(sm.mean)]);
    if (summary?.sampled_peak_memory_mib != null) {
      rows.push([say("peak"), `${gib(summary.sampled_peak_memory_mib)} GiB`]);
    }
    if (summary?.energy_j != null) rows.push([say("energyShort"), energy(summary.energy_j)]);
    if (summary?.throttled_share > 0.005) rows.push([say("throttled"), percent(summary.throttled_share * 100)]);
    root.replaceChildren(...rows.map(([name, value]) =>
      element("div", {}, element("dt", { text: name }), element("dd", { text: value }))));
  };
  return { root, update };
}

function badges(card) {
  const list = [];
  if (card.stuck_for_s !== null) list.push(["bad", `${say("stuck")} ${span(card.stuck_for_s)}`]);
  else if (!card.up) list.push(["bad", say("lost")]);
  for (const reason of card.throttle || []) {
    if (["idle", "application_clocks", "sync_boost", "display"].includes(reason.key)) continue;
    list.push([reason.key === "power_cap" ? "warn" : "bad", reason.title]);
  }
  return list.map(([kind, text]) => element("span", { class: `badge ${kind}`, text }));
}

export function gpuCard(i) {
  const gpu = store.facts.gpus[i];
  const titles = Object.fromEntries(store.facts.metrics.map((metric) => [metric.key, metric]));
  const marks = element("span", { class: "badges" });
  const figures = activities.map(([key, name]) => {
    const part = figure(name, sentence(titles[key].title));
    part.root.title = sentence(titles[key].help);
    return part;
  });
  const activity = plot(say("activity"), "tall");
  const memory = plot(say("memory"), "low"), heat = plot(say("power"), "low");
  const memoryValue = element("b"), powerValue = element("b"), heatValue = element("b");
  const verdict = verdictPanel(), run = runLine();
  const problem = element("p", { class: "problem", hidden: "" });
  const root = element("article", { class: "card gpu", "data-uuid": gpu.uuid },
    element("h2", {}, element("span", { class: "index", text: `GPU ${gpu.index}` }), element("span", { text: gpu.name }), marks),
    problem,
    element("div", { class: "figures" }, ...figures.map((part) => part.root)), activity.root,
    element("div", { class: "pair" },
      element("div", {}, element("h3", {}, element("i", { class: "dot memory" }), `${say("memory")} `, memoryValue),
        memory.root),
      element("div", {}, element("h3", {}, element("i", { class: "dot power" }), `${say("power")} `, powerValue,
        element("i", { class: "dot temperature" }), heatValue), heat.root)),
    verdict.root, run.root);

  function update() {
    const card = store.latest.gpus[i], past = store.gpus[i];
    root.classList.toggle("lost", !card.up);
    marks.replaceChildren(...badges(card));
    problem.hidden = !card.problem;
    if (card.problem) problem.textContent = `${card.problem.what} → ${card.problem.cure}`;
    activities.forEach(([key], at) => {
      const value = shown(past[key], card[key]);
      figures[at].root.hidden = card[key] === null && past[key].every((point) => point === null) && key !== "gpu_util";
      figures[at].update(percent(value));
    });
    activity.update(activities.map(([key, name], at) => ({ values: past[key], color: name, max: 100,
      area: at === 0 ? 0.12 : 0 })), percentMarks);
    const total = card.memory_total_mib ?? gpu.memory_total_mib;
    memoryValue.textContent = `${gib(shown(past.memory_used_mib, card.memory_used_mib))} / ${gib(total)} GiB`;
    memory.update([{ values: past.memory_used_mib, color: "memory", max: total || 1, area: 0.15 }],
      [[0, "0"], [0.5, gib(total / 2)], [1, gib(total)]]);
    const limit = card.power_limit_w || Math.max(100, ...past.power_w.filter((value) => value !== null));
    powerValue.textContent = `${number(shown(past.power_w, card.power_w))} / ${number(card.power_limit_w)} W`;
    heatValue.textContent = `${number(shown(past.temperature_c, card.temperature_c))} °C`;
    heat.update([{ values: past.power_w, color: "power", max: limit, area: 0.15 },
      { values: past.temperature_c, color: "temperature", max: 100 }],
    [[0, "0"], [0.5, number(limit / 2)], [1, number(limit)]]);
    verdict.root.hidden = !card.up;  // what was true before it fell out
    verdict.update(store.recent?.gpus[i], store.recent?.duration_s ?? 0);
    run.update(store.run?.gpus[i], store.run?.duration_s ?? 0);
  }
  return { root, update };
}

// --- All GPUs ----------------------------------------------------------------------------------------------------------

// One value of all cards: a number, and a bar for each card.
function tile(title, max) {
  const value = element("b", { text: missing });
  const bars = element("div", { class: "bars", "aria-hidden": "true" },
    ...(max ? store.facts.gpus.map((gpu) => element("span", { title: `GPU ${gpu.index}` }, element("i"))) : []));
  const update = (text, of) => {
    value.textContent = text;
    [...bars.children].forEach((bar, i) => {
      const card = store.latest.gpus[i];
      bar.classList.toggle("lost", !card.up);
      const share = of(card) === null ? 0 : of(card) / (max(card, i) || 1);
      bar.firstChild.style.height = `${Math.min(Math.max(share, 0), 1) * 100}%`;
    });
  };
  return { root: element("div", { class: "card tile" }, element("span", { text: title }), value, bars), update };
}

export function fleet() {
  const totalOf = (card, i) => card.memory_total_mib ?? store.facts.gpus[i].memory_total_mib;
  const util = tile(`${say("util")} · ${say("mean")}`, () => 100), sm = tile(`SM · ${say("mean")}`, () => 100);
  const memory = tile(`${say("memory")} · ${say("total")}`, totalOf);
  const power = tile(`${say("power")} · ${say("total")}`, (card) => card.power_limit_w), used = tile(say("energy"));
  const root = element("section", { class: "tiles", "aria-label": say("allGpus") },
    ...[util, sm, memory, power, used].map((part) => part.root));
  const sum = (list) => {
    const known = list.filter((value) => value !== null && value !== undefined);
    return known.length ? known.reduce((a, b) => a + b, 0) : null;
  };
  function update() {
    const cards = store.latest.gpus;
    const of = (key) => cards.map((card) => card[key]);
    const mean = (key) => {
      const total = sum(of(key));
      return total === null ? null : total / of(key).filter((value) => value !== null).length;
    };
    const whole = (mib) => number(mib === null ? null : mib / 1024);
    const watts = sum(of("power_w"));
    util.update(percent(mean("gpu_util")), (card) => card.gpu_util);
    sm.update(percent(mean("sm_activity")), (card) => card.sm_activity);
    memory.update(`${whole(sum(of("memory_used_mib")))} / ${whole(sum(cards.map(totalOf)))} GiB`,
      (card) => card.memory_used_mib);
    power.update(watts === null ? missing : watts < 1000 ? `${watts.toFixed(0)} W` : `${(watts / 1000).toFixed(2)} kW`,
      (card) => card.power_w);
    used.update(energy(sum((store.run?.gpus || []).map((gpu) => gpu.energy_j))), () => null);
  }
  return { root, update };
}

// --- Processes and host ------------------------------------------------------------------------------------------------

export function processTable() {
  const body = element("tbody");
  const heads = [["gpu", "n"], ["pid", "n"], ["process", ""], ["memory", "n"], ["sm", "n"]];
  const table = element("table", {}, element("thead", {}, element("tr", {}, ...heads.map(([key, kind]) =>
    element("th", { text: say(key), class: kind })))), body);
  const empty = element("p", { class: "quiet", text: say("noProcesses") });
  const root = element("section", { class: "card" }, element("h2", { text: say("processes") }), table, empty);
  function update() {
    const rows = store.latest.gpus.flatMap((card) => card.processes.map((process) => [
      `${card.index}`, `${process.pid}`, process.name ?? missing,
      process.memory_mib === null ? missing : `${gib(process.memory_mib)} GiB`, percent(process.sm_util)]));
    body.replaceChildren(...rows.map((row) => element("tr", {}, ...row.map((text, at) =>
      element("td", { text, class: heads[at][1] })))));
    table.hidden = !rows.length;
    empty.hidden = rows.length > 0;
  }
  return { root, update };
}

export function hostPanel() {
  const figures = { cpu: figure("util", say("cpu")), iowait: figure("dram", say("iowait")),
    busiest: figure("", say("busiest")), memory: figure("", say("hostMemory")), disk: figure("", say("disk")) };
  const past = plot(say("cpu"), "low");
  const root = element("section", { class: "card" }, element("h2", { text: say("host") }),
    element("div", { class: "figures" }, ...Object.values(figures).map((part) => part.root)), past.root);
  function update() {
    const host = store.latest.host;
    figures.cpu.update(percent(shown(store.host.cpu_percent, host.cpu_percent)));
    figures.iowait.update(percent(shown(store.host.iowait_percent, host.iowait_percent)));
    figures.busiest.update(percent(host.busiest_core_percent));
    figures.memory.update(`${gib(host.memory_used_mib)} / ${gib(host.memory_total_mib)} GiB`);
    figures.disk.update(host.disk_read_mib_s === null ? missing : `${number(host.disk_read_mib_s)} MiB/s`);
    past.update([{ values: store.host.cpu_percent, color: "util", max: 100, area: 0.12 },
      { values: store.host.iowait_percent, color: "dram", max: 100 }], percentMarks);
  }
  return { root, update };
}
