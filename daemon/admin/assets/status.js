// Keeps the status page up to date. The page that came is complete without it: each cell names the
// field of stats.json that it shows (data-v) and how (data-f), each chart its lines (data-lines).
// Formats and charts are those of daemon/admin/format.cc and page.cc.
"use strict";
(() => {
  const kWidth = 120, kHeight = 38, kLabel = 12, kPoints = 300;
  const at = (status, path) =>
    path.split("/").slice(1).reduce((value, key) => (value == null ? value : value[key]), status);
  const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");
  const three = (number) => number.toFixed(number >= 100 ? 0 : number >= 10 ? 1 : 2);

  const formats = {
    text: String,
    count: (n) => grouped(Math.round(n)),
    rate: (n) => (n >= 1000 ? grouped(Math.round(n)) : n === 0 ? "0" : three(n)),
    percent: (n) => (n * 100).toFixed(n > 0.99 && n < 1 ? 2 : 1) + " %",
    us: (n) => n < 1000 ? Math.round(n) + " µs"
      : n < 1e6 ? three(n / 1e3) + " ms" : three(n / 1e6) + " s",
    bytes: (n) => n < 1024 ? n + " B" : n < 2 ** 20 ? three(n / 1024) + " KiB"
      : n < 2 ** 30 ? three(n / 2 ** 20) + " MiB" : three(n / 2 ** 30) + " GiB",
    span: (s) => s < 60 ? s + " s" : s < 3600 ? Math.floor(s / 60) + " min " + (s % 60) + " s"
      : s < 86400 ? Math.floor(s / 3600) + " h " + Math.floor((s % 3600) / 60) + " min"
      : Math.floor(s / 86400) + " d " + Math.floor((s % 86400) / 3600) + " h",
    time: (ms) => new Date(ms).toISOString().slice(0, 19).replace("T", " "),
    kinds: (of) => Object.keys(of).sort().map((kind) => kind + " " + grouped(of[kind])).join(", ")
      || "none",
    worked: (yes) => (yes ? "taken over" : "REFUSED"),
  };
  const show = (value, format) => (value == null ? "–" : formats[format || "text"](value));

  function path(values, most) {
    let d = "", open = false;
    values.forEach((value, i) => {
      if (value == null) { open = false; return; }
      const x = kWidth - (values.length - 1 - i) * kWidth / (kPoints - 1);
      const y = kHeight - 1 - (most > 0 ? value / most : 0) * (kHeight - kLabel - 2);
      d += (open ? "L" : "M") + x.toFixed(1) + " " + y.toFixed(1) + (open ? "" : "h.1");
      open = true;
    });
    return d;
  }

  function draw(chart, status) {
    const lines = chart.dataset.lines.split(" ").map((name) => at(status, name) || []);
    const most = Math.max(0, ...lines.flat().filter((value) => value != null));
    lines.forEach((values, i) => {
      chart.querySelector(".line" + i).setAttribute("d", path(values, most));
    });
    chart.querySelector("text").textContent = show(most, chart.dataset.f);
  }

  function listEvents(events) {
    const rows = events.map((event) => {
      const row = document.createElement("tr");
      row.className = event.level;
      for (const text of [formats.time(event.unix_ms), event.level, event.event, event.message]) {
        row.insertCell().textContent = text;
      }
      return row;
    });
    document.getElementById("events").replaceChildren(...rows);
  }

  function take(status) {
    if (status.shape !== document.body.dataset.shape) {
      location.reload();
      return;
    }
    for (const cell of document.querySelectorAll("[data-v]")) {
      cell.textContent = show(at(status, cell.dataset.v), cell.dataset.f);
    }
    for (const row of document.querySelectorAll("[data-state]")) {
      row.className = at(status, row.dataset.state);
    }
    for (const chart of document.querySelectorAll("svg[data-lines]")) draw(chart, status);
    listEvents(status.events);
  }

  async function update() {
    if (document.hidden) return;
    const lost = document.getElementById("lost");
    try {
      const response = await fetch("stats.json", {signal: AbortSignal.timeout(5000)});
      take(await response.json());
      lost.hidden = true;
    } catch (error) {
      lost.hidden = false;
    }
  }
  setInterval(update, 3000);
  document.addEventListener("visibilitychange", update);
})();
