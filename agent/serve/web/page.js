// The page of one room: a file is dropped, its tracks are drawn over it, questions are asked, and what the instruments
// do is shown as it happens. All text from files, models and instruments is set as text, never as HTML.
"use strict";

const $ = (id) => document.getElementById(id);
const COLOURS = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#999999"];
const HINTS = ["Which way does it move?", "How fast is it?", "What is its law of motion?", "Does the camera move?"];
const isTable = (name) => /\.(csv|tsv|txt|npz|parquet|trk|json)$/i.test(name);

let room = "";
let tracks = [];
let shown = "";
let answer = null;
let working = null;

async function api(path, options = {}) {
  const reply = await fetch(path, options);
  const body = reply.headers.get("content-type")?.startsWith("application/json") ? await reply.json() : null;
  if (!reply.ok) throw new Error(body?.error ?? `${reply.status}: ${(await reply.text?.().catch(() => "")) || reply.statusText}`);
  return body;
}

function trouble(error) {
  $("trouble").textContent = error ? String(error.message ?? error) : "";
  $("trouble").hidden = !error;
}

function element(tag, kind, text) {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}

// The conversation

function row(kind, text) {
  const made = element("li", kind, text);
  $("log").append(made);
  made.scrollIntoView({ block: "end" });
  return made;
}

function work(what) {
  if (!working) return;
  working.what = what;
  working.since = Date.now();
  $("log").append(working.row);
  working.row.scrollIntoView({ block: "end" });
}

function startWork() {
  working = { row: row("working", ""), what: "", since: Date.now() };
  const tick = () => { working.row.textContent = `${working.what || "working"} … ${Math.round((Date.now() - working.since) / 1000)} s`; };
  working.timer = setInterval(tick, 500);
  tick();
}

function endWork() {
  clearInterval(working?.timer);
  working?.row.remove();
  working = null;
}

function tell(event) {
  display(event);
  if (event.kind === "assistant" && event.calling) work(event.calling.join(", "));
  else if (event.kind !== "text") work("");
}

function display(event) {
  if (event.kind === "text") {
    answer ??= row("assistant waiting", "");
    answer.textContent += event.text;
    answer.scrollIntoView({ block: "end" });
  } else if (event.kind === "assistant" && !event.text) {
    answer = null;
  } else if (event.kind === "assistant") {
    answer ??= row("assistant", "");
    answer.textContent = event.text;
    answer.classList.remove("waiting");
    answer = null;
  } else if (event.kind === "user") {
    row("user", event.text);
  } else if (event.kind === "call") {
    answer = null;
    const box = element("details", event.ok ? "" : "failed");
    const given = event.arguments === "{}" ? "" : event.arguments;
    box.append(element("summary", "", `${event.name} ${given} ${event.seconds.toFixed(1)} s${event.ok ? "" : ", failed"}`));
    box.append(element("pre", "", event.text));
    row("call").append(box);
    if (event.ok && event.name === "discover_law") $("report").hidden = false;
  } else if (event.kind === "pictures") {
    const line = row("pictures");
    for (const url of event.pictures) {
      if (!url.startsWith("data:image/")) continue;
      const picture = element("img");
      picture.src = url;
      picture.alt = "Picture from the instrument";
      picture.onload = () => $("log").lastElementChild.scrollIntoView({ block: "end" });
      line.append(picture);
    }
  } else if (event.kind === "error") {
    trouble(event.text);
  } else if (event.kind === "stop") {
    if (event.text !== "answered") row("note", `The turn ended early: ${event.text}.`);
  } else {
    row(event.kind, event.text);
  }
}

async function ask(question) {
  trouble();
  $("send").disabled = true;
  $("question").value = "";
  answer = null;
  startWork();
  try {
    const reply = await fetch(`/api/rooms/${room}/ask`, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ question }),
    });
    if (!reply.ok) throw new Error((await reply.json().catch(() => null))?.error ?? reply.statusText);
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) if (line) tell(JSON.parse(line));
    }
  } catch (error) {
    trouble(error);
  } finally {
    endWork();
    answer?.classList.remove("waiting");
    answer = null;
    $("send").disabled = false;
    $("question").focus();
  }
}

// Files and tracks

function upload(file) {
  trouble();
  $("progress").hidden = false;
  $("progress").value = 0;
  const request = new XMLHttpRequest();
  request.upload.onprogress = (e) => { $("progress").value = e.lengthComputable ? e.loaded / e.total : 0; };
  request.onerror = () => { $("progress").hidden = true; trouble("The file did not arrive; is the server still there?"); };
  request.onload = () => {
    $("progress").hidden = true;
    let body = null;
    try { body = JSON.parse(request.responseText); } catch { /* not ours: the status says enough */ }
    if (request.status !== 200) { trouble(body?.error ?? `${request.status}: ${request.responseText}`); return; }
    row("file", body.about);
    chip(body.file);
    show(body.file, body.about).catch(trouble);
  };
  request.open("POST", `/api/rooms/${room}/files?file=${encodeURIComponent(file.name)}`);
  request.send(file);
}

function chip(name) {
  const made = element("button", "", name);
  made.type = "button";
  made.dataset.file = name;
  made.onclick = () => show(name, "").catch(trouble);
  $("files").append(made);
}

async function show(name, about) {
  shown = name;
  tracks = [];
  $("legend").replaceChildren();
  for (const one of $("files").children) one.setAttribute("aria-current", String(one.dataset.file === name));
  $("screen").hidden = isTable(name);
  $("about").textContent = about;
  if (isTable(name)) return;
  $("video").src = `/api/rooms/${room}/files/${encodeURIComponent(name)}`;
  $("about").textContent = "Tracking what moves …";
  const found = await api(`/api/rooms/${room}/tracks/${encodeURIComponent(name)}`);
  if (shown !== name) return;
  tracks = found.tracks;
  $("about").textContent = [about, found.reason].filter(Boolean).join(" ");
  tracks.forEach((track, k) => {
    const line = element("li");
    const dot = element("i");
    dot.style.background = COLOURS[k % COLOURS.length];
    line.append(dot, track.name);
    $("legend").append(line);
  });
  draw();
}

function draw() {
  const video = $("video"), canvas = $("overlay");
  const ratio = window.devicePixelRatio || 1;
  canvas.width = canvas.clientWidth * ratio;
  canvas.height = canvas.clientHeight * ratio;
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (!video.videoWidth || !tracks.length) return;
  const scale = Math.min(canvas.width / video.videoWidth, canvas.height / video.videoHeight);
  const left = (canvas.width - scale * video.videoWidth) / 2, top = (canvas.height - scale * video.videoHeight) / 2;
  const place = ([x, y]) => [left + scale * (x + 0.5), top + scale * (y + 0.5)];
  tracks.forEach((track, k) => {
    pen.strokeStyle = COLOURS[k % COLOURS.length];
    pen.lineWidth = 2 * ratio;
    pen.beginPath();
    let last = null, now = -1;
    track.t.forEach((t, i) => {
      if (t > video.currentTime + 1e-3 && video.currentTime > 0) return;
      const at = track.xy[i];
      if (at) { now = i; if (last) pen.lineTo(...place(at)); else pen.moveTo(...place(at)); }
      last = at;
    });
    pen.stroke();
    const box = now >= 0 ? track.box[now] : null;
    if (box) {
      const [x1, y1] = place([box[0], box[1]]), [x2, y2] = place([box[2], box[3]]);
      pen.strokeRect(x1, y1, x2 - x1, y2 - y1);
    }
  });
}

function animate() {
  draw();
  if (!$("video").paused && !$("video").ended) requestAnimationFrame(animate);
}

// The room

async function enter(name) {
  const past = name ? await api(`/api/rooms/${name}`).catch(() => null) : null;
  const now = past ?? await api("/api/rooms", { method: "POST" });
  room = now.room;
  location.hash = room;
  $("model").textContent = `model: ${now.model}`;
  $("report").href = `/api/rooms/${room}/report`;
  $("log").replaceChildren();
  $("files").replaceChildren();
  for (const event of past?.events ?? []) if (event.kind !== "text") tell(event);
  answer = null;
  for (const file of past?.files ?? []) chip(file);
  const latest = past?.files?.at(-1);
  if (latest) show(latest, "").catch(trouble);
}

$("new").onclick = () => { location.hash = ""; location.reload(); };
$("file").onchange = () => { if ($("file").files[0]) upload($("file").files[0]); $("file").value = ""; };
$("drop").onclick = (e) => { if (e.target !== $("file")) $("file").click(); };
$("drop").onkeydown = (e) => { if (e.target === $("drop") && (e.key === "Enter" || e.key === " ")) { e.preventDefault(); $("file").click(); } };
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (e) => {
    e.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop" && e.dataTransfer.files[0]) upload(e.dataTransfer.files[0]);
  });
}
$("ask").onsubmit = (e) => {
  e.preventDefault();
  const question = $("question").value.trim();
  if (question && !$("send").disabled) ask(question);
};
$("question").onkeydown = (e) => { if (e.key === "Enter" && !e.shiftKey && !e.isComposing) { e.preventDefault(); $("ask").requestSubmit(); } };
for (const hint of HINTS) {
  const made = element("button", "", hint);
  made.type = "button";
  made.onclick = () => { if (!$("send").disabled) ask(hint); };
  $("hints").append(made);
}
for (const kind of ["play", "seeked", "loadeddata", "timeupdate"]) $("video").addEventListener(kind, animate);
window.addEventListener("resize", draw);
enter(location.hash.slice(1)).catch(trouble);
