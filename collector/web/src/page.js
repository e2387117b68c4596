"use strict";

// Everything shown here was written by an attacker: it goes into text nodes, never into markup.

const byId = (id) => document.getElementById(id);
const filters = byId("filters");
let next = null;
let pages = 1;
let selected = null;
let open = null;
let known = null;
let round = 0;

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

// Characters that would not be seen, or turn the line around.
const ODD = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

function visible(text) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(ODD)) {
    if (found.index > at) parts.push(text.slice(at, found.index));
    const code = found[0].codePointAt(0).toString(16).padStart(4, "0");
    parts.push(element("span", "odd", `U+${code.toUpperCase()}`));
    at = found.index + found[0].length;
  }
  if (at < text.length) parts.push(text.slice(at));
  return parts;
}

async function ask(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error((await answer.text()).trim() || `status ${answer.status}`);
  return answer.json();
}

function say(problem) {
  const place = byId("problem");
  place.hidden = !problem;
  place.textContent = problem ? problem.message : "";
}

function query(page) {
  const wanted = new URLSearchParams();
  for (const [key, value] of new FormData(filters)) if (value.trim()) wanted.set(key, value.trim());
  if (page) wanted.set("page_token", page);
  return wanted;
}

function row(finding) {
  const where = finding.pod ? `${finding.namespace}/${finding.pod}` : finding.node;
  const below = finding.pod ? [finding.image, finding.node].filter(Boolean).join(" · ") : finding.image;
  const made = element(
    "tr", "",
    element("td", "", finding.time),
    element("td", finding.severity, finding.severity),
    element("td", "", finding.score),
    element("td", "", ...visible(where), element("div", "sub", ...visible(below))),
    element("td", "", ...visible(finding.script), element("div", "sub", ...visible(finding.origin))),
    element("td", "", finding.techniques.join(" ")),
  );
  made.tabIndex = 0;
  made.dataset.name = finding.name;
  made.dataset.node = finding.node;
  made.setAttribute("aria-selected", String(keyOf(made.dataset) === selected));
  return made;
}

// A name is its node's own. No name has a space.
function keyOf({ node, name }) {
  return `${node} ${name}`;
}

// Reads as many pages as are shown.
async function list() {
  // What was asked for first may come last.
  round += 1;
  const mine = round;
  try {
    const rows = [];
    let page = null;
    for (let n = 0; n < pages; n += 1) {
      const found = await ask(`/api/findings?${query(page)}`);
      rows.push(...found.findings);
      page = found.next;
      if (!page) break;
    }
    if (mine !== round) return;
    next = page;
    const made = rows.map(row);
    if (known) for (const one of made) if (!known.has(keyOf(one.dataset))) one.classList.add("new");
    known = new Set(rows.map(keyOf));
    byId("rows").replaceChildren(...made);
    byId("none").hidden = rows.length > 0;
    byId("more").hidden = !next;
    say(null);
  } catch (problem) {
    say(problem);
  }
}

function ago(seconds) {
  if (seconds < 120) return `${seconds} s ago`;
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min ago` : `${Math.floor(seconds / 3600)} h ago`;
}

// Sensors that were heard of, the worst first.
async function sensors() {
  if (document.hidden) return;
  try {
    const { all, counts, nodes } = await ask("/api/nodes");
    const states = counts.filter(([, count]) => count > 0).map(([state, count]) => `${count} ${state}`);
    byId("sensors").hidden = all === 0;
    byId("sensors-summary").textContent = `${all} ${all === 1 ? "sensor" : "sensors"}: ${states.join(", ")}`;
    byId("sensors-rows").replaceChildren(...nodes.map((one) => element(
      "tr", "",
      element("td", "", ...visible(one.node)),
      element("td", one.state, one.state),
      element("td", "", ...visible(one.version)),
      element("td", "", ago(one.seen_seconds_ago)),
      element("td", "", String(one.waiting_findings)),
      element("td", "", ...visible(one.impairments.join(" "))),
    )));
  } catch (problem) {
    byId("sensors-summary").textContent = `How sensors are is not known: ${problem.message}`;
  }
}

// The spans as [start, end) in bytes, and as lines for scripts whose bytes are not what is shown.
function spans(properties) {
  const found = [];
  for (const text of properties.Verdict_Spans || []) {
    const parts = /^lines (\d+)-(\d+), bytes (\d+)-(\d+), weight ([\d.]+)$/.exec(text);
    if (parts) found.push(parts.slice(1).map(Number));
  }
  return found;
}

function script(contents, properties) {
  const marked = spans(properties);
  const byLine = Boolean(properties.Script_Not_UTF8);
  const encoder = new TextEncoder();
  let at = 0;
  return contents.split("\n").map((text, index) => {
    const line = element("code", "line");
    line.dataset.number = index + 1;
    const bytes = encoder.encode(text);
    const edges = [0, bytes.length];
    const inside = marked.filter(([first, last, start, end]) =>
      byLine ? first <= index + 1 && index + 1 <= last : start < at + bytes.length && end > at);
    for (const [, , start, end] of byLine ? [] : inside) {
      edges.push(Math.max(0, start - at), Math.min(bytes.length, end - at));
    }
    edges.sort((a, b) => a - b);
    const decoder = new TextDecoder();
    for (let n = 1; n < edges.length; n += 1) {
      const [from, to] = [edges[n - 1], edges[n]];
      if (from === to) continue;
      const piece = visible(decoder.decode(bytes.subarray(from, to)));
      const isMarked = byLine
        ? inside.length > 0
        : inside.some(([, , start, end]) => start <= at + from && at + to <= end);
      line.append(...(isMarked ? [element("mark", "", ...piece)] : piece));
    }
    at += bytes.length + 1;
    return line;
  });
}

async function show(which) {
  selected = keyOf(which);
  for (const one of byId("rows").children) {
    one.setAttribute("aria-selected", String(keyOf(one.dataset) === selected));
  }
  try {
    const { node, finding } = await ask(`/api/finding?${new URLSearchParams({ name: which.name, node: which.node })}`);
    if (keyOf(which) !== selected) return;
    open = finding;
    const properties = finding.sourceProperties || {};
    const process = (finding.processes || [])[0] || {};
    const file = process.script || {};
    byId("category").replaceChildren(...visible(`${finding.category || ""} · ${finding.severity || ""}`));
    byId("description").replaceChildren(...visible(finding.description || ""));
    const parents = (finding.processes || []).slice(1).map((one) => `${one.name} (${one.pid || "?"})`).join(" ← ");
    const facts = [
      ["Time", finding.eventTime],
      ["Runs", properties.Execution_Count > 1 && `${properties.Execution_Count}, the last at ${properties.Last_Execution_Timestamp}`],
      ["Reason", properties.Impairment_Reason && `${properties.Impairment_Reason}, ${properties.Impairment_Count} times`],
      ["Pod", properties.Pod_Name && `${properties.Pod_Namespace}/${properties.Pod_Name}`],
      ["Container", properties.Container_Name],
      ["Image", properties.Container_Image_Uri],
      ["Node", node],
      ["Process", process.name && `${process.name} (pid ${process.pid || "?"}, user ${process.userId || 0})`],
      ["Binary", (process.binary || {}).path],
      ["Arguments", (process.args || []).join(" ")],
      ["Parents", parents],
      ["Script", file.path],
      ["Origin", properties.Script_Origin],
      ["Provenance", properties.Script_Provenance],
      ["Written by", properties.Script_Written_By && `${properties.Script_Written_By} (pid ${properties.Script_Written_By_Pid})`],
      ["SHA-256", file.sha256],
      ["Size", file.size && `${file.size} bytes${file.partiallyHashed ? `, the first ${file.hashedSize} kept` : ""}`],
      ["Score", properties.Verdict_Score],
      ["Response", properties.Response_Action && [
        properties.Response_Action,
        properties.Response_Ran_Before && `ran before: ${properties.Response_Ran_Before}`,
        properties.Response_Held_Ms && `held ${Number(properties.Response_Held_Ms).toFixed(1)} ms`,
        properties.Response_Reason,
      ].filter(Boolean).join("; ")],
      ["Techniques", (properties.Verdict_Techniques || []).join(" ")],
      ["Addresses", ((finding.indicator || {}).ipAddresses || []).join(" ")],
      ["Domains", ((finding.indicator || {}).domains || []).join(" ")],
      ["URIs", ((finding.indicator || {}).uris || []).join(" ")],
      ["Name", finding.name],
    ].filter(([, value]) => value !== undefined && value !== "" && value !== false);
    byId("facts").replaceChildren(...facts.flatMap(([key, value]) =>
      [element("dt", "", key), element("dd", "", ...visible(String(value)))]));
    const link = byId("virustotal");
    // Made from the digest alone: the finding's own link is only as good as who sent it.
    const digest = /^[0-9a-f]{64}$/.test(file.sha256 || "") ? file.sha256 : null;
    link.hidden = !digest;
    if (digest) link.href = `https://www.virustotal.com/gui/file/${digest}/detection`;
    const count = spans(properties).length;
    byId("marks").textContent = count ? `What carried the verdict is marked: ${count} ${count === 1 ? "place" : "places"}.` : "";
    byId("script").replaceChildren(...script(file.contents || "", properties));
    byId("steps").replaceChildren(...visible(finding.nextSteps || ""));
    byId("copied").textContent = "";
    byId("detail").hidden = false;
    const { top } = byId("detail").getBoundingClientRect();
    if (top < 0 || top > innerHeight / 2) byId("detail").scrollIntoView();
    const first = byId("script").querySelector("mark");
    if (first) byId("script").scrollTop = Math.max(0, first.offsetTop - byId("script").offsetTop - 60);
    say(null);
  } catch (problem) {
    say(problem);
  }
}

async function copy() {
  const text = JSON.stringify(open, null, 2);
  try {
    await navigator.clipboard.writeText(text);
    byId("copied").textContent = "Copied.";
  } catch {
    // Without TLS a browser gives the clipboard to pages on this machine only.
    const area = element("textarea", "", text);
    document.body.append(area);
    area.select();
    byId("copied").textContent = document.execCommand("copy") ? "Copied." : "The browser does not let this page copy.";
    area.remove();
  }
}

function pick(event) {
  const one = event.target.closest("tr[data-name]");
  if (one && (event.type === "click" || event.key === "Enter")) show(one.dataset);
}

function again() {
  pages = 1;
  known = null;
  history.replaceState(null, "", `?${query(null)}`);
  list();
}

byId("rows").addEventListener("click", pick);
byId("rows").addEventListener("keydown", pick);
byId("more").addEventListener("click", () => { pages += 1; list(); });
byId("copy").addEventListener("click", copy);
byId("close").addEventListener("click", () => { selected = null; byId("detail").hidden = true; list(); });
filters.addEventListener("submit", (event) => { event.preventDefault(); again(); });
filters.addEventListener("reset", () => setTimeout(again));

for (const [key, value] of new URLSearchParams(location.search)) {
  if (filters.elements[key]) filters.elements[key].value = value;
}
const news = new EventSource("/api/news");
news.addEventListener("open", () => { byId("live").textContent = "live"; });
news.addEventListener("error", () => { byId("live").textContent = "the collector does not answer; trying again"; });
news.addEventListener("change", list);
sensors();
setInterval(sensors, 10_000);
