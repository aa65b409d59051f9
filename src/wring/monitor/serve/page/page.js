// The page's life: ask, show, say what is wrong, ask again.
import { element, fleet, gpuCard, hostPanel, processTable, view } from "/cards.js";
import { Refused, NotReached, refresh, store, useToken } from "/store.js";
import { chinese, say, span } from "/texts.js";

const $ = (id) => document.getElementById(id);
const main = $("main"), notice = $("notice"), status = $("status");
const retryMs = 2000, shownRestartMs = 15000, summaryRounds = 5;
let parts = [], rounds = 0, noticeUntil = 0;

function setStatus(state, text) {
  status.dataset.state = state;
  status.textContent = text;
}

function setNotice(text, forMs = Infinity) {
  notice.hidden = !text;
  notice.textContent = text;
  noticeUntil = Date.now() + forMs;
}

function build() {
  const count = store.facts.gpus.length;
  const cards = store.facts.gpus.map((_, i) => gpuCard(i));
  const host = hostPanel(), processes = processTable();
  const top = count > 1 ? [fleet()] : [];
  parts = [...top, ...cards, host, ...(count ? [processes] : [])];
  const problems = store.facts.problems.map((problem) =>
    element("p", { class: "problem", text: `${problem.what} → ${problem.cure}` }));
  const nothing = count ? [] : [element("section", { class: "card" }, element("h2", { text: say("noGpu") }),
    element("p", { class: "quiet", text: say("noGpuHint") }), ...problems)];
  main.replaceChildren(...top.map((part) => part.root), ...nothing,
    element("div", { class: `gpus ${count === 1 ? "one" : count % 3 === 0 ? "threes" : "several"}` }, ...cards.map((part) => part.root)),
    element("div", { class: "below" }, host.root, ...(count ? [processes.root] : [])));
}

function show() {
  if (!store.latest) return;
  for (const part of parts) part.update();
  const facts = store.facts;
  const driver = facts.driver_version ? ` · ${say("driver")} ${facts.driver_version}` : "";
  $("where").textContent = `${facts.host_name}${driver} · ${span((store.latest.unix_ms - facts.started_unix_ms) / 1000)}`;
  document.title = `Wring · ${facts.host_name}`;
}

// Pointer moves come faster than frames.
let asked = false;
view.changed = () => {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => { asked = false; show(); });
};

function askForToken(refused) {
  const field = element("input", { type: "password", id: "token", autocomplete: "off", required: "" });
  const form = element("form", { class: "card token" }, element("h2", { text: say("tokenAsk") }),
    element("p", { class: "problem", text: refused.message === "wrong" ? say("tokenWrong") : "" }),
    element("label", { for: "token", text: say("tokenLabel") }), field,
    element("button", { text: say("tokenSend") }));
  main.replaceChildren(form);
  setStatus("wait", "");
  field.focus();
  return new Promise((resolve) => form.addEventListener("submit", (event) => {
    event.preventDefault();
    useToken(field.value);
    parts = [];
    resolve();
  }));
}

// Returns after how many milliseconds to ask again.
async function round() {
  try {
    const restarted = await refresh(rounds++ % summaryRounds === 0);
    if (restarted || !parts.length) build();
    if (restarted) setNotice(say("restarted"), shownRestartMs);
    else if (Date.now() > noticeUntil || noticeUntil === Infinity) setNotice("");
    document.body.classList.remove("gone");
    const late = store.latest.age_s > Math.max(5, 5 * store.latest.interval_s);
    setStatus(late ? "bad" : "good", late ? `${say("stalled")} ${span(store.latest.age_s)}` : say("live"));
    show();
    return Math.max(1, store.latest.interval_s) * 1000;
  } catch (problem) {
    if (problem instanceof Refused) {
      await askForToken(problem);
      return 0;
    }
    const gone = problem instanceof NotReached;
    document.body.classList.add("gone");
    setStatus("bad", say("offline"));
    setNotice(gone ? say("serverGone") : `${say("serverSays")}: ${problem.message}`);
    if (!gone) console.error(problem);
    return retryMs;
  }
}

function controls() {
  const ranges = [["minute", 60], ["tenMinutes", 600], ["hour", 3600]];
  const buttons = ranges.map(([key, seconds]) => {
    const button = element("button", { text: say(key), "aria-pressed": `${seconds === 600}` });
    button.addEventListener("click", () => {
      view.rangeMs = seconds * 1000;
      buttons.forEach((other) => other.setAttribute("aria-pressed", `${other === button}`));
      show();
    });
    return button;
  });
  $("ranges").replaceChildren(...buttons);
  $("language").textContent = chinese ? "English" : "中文";
  $("language").href = `/?lang=${chinese ? "en" : "zh"}`;
  setStatus("wait", say("connecting"));
  addEventListener("resize", view.changed);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", view.changed);
}

controls();
for (;;) {
  const pause = await round();
  await new Promise((resolve) => setTimeout(resolve, pause));
}
