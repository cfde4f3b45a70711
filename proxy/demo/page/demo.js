"use strict";

const retry = 500; // milliseconds from one attempt to connect to the next
const rows = 100; // that a panel keeps

const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

// A panel is one WebSocket, again and again, and what came by it.
class Panel {
  constructor(name) {
    const root = document.getElementById("panel").content.cloneNode(true).firstElementChild;
    this.name = name;
    this.root = root;
    this.state = root.querySelector(".state");
    this.pid = root.querySelector(".pid");
    this.log = root.querySelector(".log");
    this.form = root.querySelector("form");
    this.kill = root.querySelector(".kill");
    this.wasOpen = false; // the last socket
    this.refused = false; // so was the last attempt

    root.setAttribute("aria-labelledby", `name-${name}`);
    root.querySelector("h2").textContent = name;
    root.querySelector("h2").id = `name-${name}`;
    root.querySelector(".path").textContent = `/${name}`;
    this.log.setAttribute("aria-label", `What came from ${name}`);
    this.form.text.setAttribute("aria-label", `Message to ${name}`);
    this.kill.textContent = `Kill ${name}`;
    this.form.addEventListener("submit", (event) => this.send(event));
    this.kill.addEventListener("click", () => this.end());

    document.getElementById("panels").append(root);
    this.show("wait", "connecting");
    this.connect();
  }

  connect() {
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/${this.name}`);
    this.socket = socket;
    socket.addEventListener("open", () => this.opened());
    socket.addEventListener("message", (event) => this.heard(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => this.closed(event));
  }

  opened() {
    this.refused = false;
    this.wasOpen = true;
    this.show("open", "connected");
  }

  heard({ kind, pid, text }) {
    this.pid.textContent = pid;
    if (kind === "hello") this.add("good", `connected to process ${pid}`);
    else if (kind === "echo") this.add("echo", `you said: ${text}`);
    else this.add("tick", text);
  }

  // A refused upgrade looks like a socket that was never open: say it once.
  closed({ code, reason }) {
    if (this.wasOpen) this.add("bad", `closed: ${code}${reason ? ` ${reason}` : ""}`);
    else if (!this.refused) this.add("bad", "usher finds nobody there, trying again");
    this.refused = !this.wasOpen;
    this.wasOpen = false;
    this.pid.textContent = "none";
    this.show("gone", "gone, trying again");
    setTimeout(() => this.connect(), retry);
  }

  send(event) {
    event.preventDefault();
    const { text } = this.form;
    if (!text.value || this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(text.value);
    text.value = "";
  }

  async end() {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    try {
      const answer = await fetch(`/kill/${this.name}`, { method: "POST" });
      if (answer.ok) this.add("bad", `process ${(await answer.json()).pid} killed`);
      else this.add("bad", await answer.text());
    } catch {
      this.add("bad", "the demo does not answer");
    }
  }

  show(name, text) {
    const open = name === "open";
    this.root.classList.toggle("open", open);
    this.root.classList.toggle("gone", name === "gone");
    if (this.state.textContent !== text) this.state.textContent = text;
    for (const button of this.root.querySelectorAll("button")) button.setAttribute("aria-disabled", !open); // and keeps the focus
  }

  add(kind, text) {
    const row = document.createElement("li");
    const time = document.createElement("time");
    const { log } = this;
    const follow = log.scrollHeight - log.scrollTop - log.clientHeight < 30;
    row.className = kind;
    time.textContent = clock.format();
    row.append(time, text);
    log.append(row);
    while (log.childElementCount > rows) log.firstElementChild.remove();
    if (follow) log.scrollTop = log.scrollHeight;
  }
}

document.getElementById("origin").textContent = location.host;
document.getElementById("curl").textContent = `curl ${location.origin}/admin`;
for (const name of ["main", "admin", "seller", "chat"]) new Panel(name);
