// The guide at the side: each step is ticked when the terminal has answered as it says.

import { element } from "./dom.js";

const cue = (...names) => (topic, message) => topic === "cue" && names.includes(message.name);

const STEPS = [
  ["Read the policy, tick the box, and press “Enrol Barack”.", (topic, m) => topic === "records" && m.people.includes("Barack")],
  ["Stand before the camera: press “Barack” at the entrance. Green light, and two tones that rise: IN.", cue("in")],
  ["Press “Nobody”, then Barack again at once: he is IN already, and is not counted twice.", cue("already-in", "already-out")],
  ["A stranger: press Eileen, whom you have not enrolled. Red light, one low tone.", cue("refused")],
  ["Tick “The lamp is out” and press Barack: the terminal says what to change. Then untick it.", cue("light")],
  ["Unplug the camera, and press “Nobody”: badges still count.", cue("badge-only")],
  ["Press “Barack's badge”: he is OUT. Then plug the camera in again.", cue("out")],
  ["Ten seconds later, press “Barack's badge” at the side door: the doors know of each other, so that he is IN.", (topic, m) => topic === "cue" && m.door === "side-door" && ["in", "already-out"].includes(m.name), "centre"],
  ["Type 1001, Enter, then the PIN 271828, Enter.", cue("enter-pin")],
  ["Press OUT, then a badge of somebody who is IN: the button counts, whatever the terminal would have guessed.", cue("pressed-out")],
  ["Press BREAK, then a face or badge: they go, and it is a break.", cue("break-begins")],
  ["Open “Enrol somebody here”, give your name, agree with IN, and do before your webcam what the terminal says.", cue("enrolling")],
  ["Without this page: enrol Joe, who supervises, and press “Eileen: badge only”. At the entrance: 0, Enter, Joe's badge, 314159, Enter, Eileen's badge; IN for the employer, IN for Eileen. OUT cancels.", cue("consent")],
  ["Cut the network, and let somebody punch: the record waits, signed and on the disk.", (topic, m) => topic === "records" && !m.online && m.pending > 0, "centre"],
  ["Press the button again: the network returns, and every record gets its receipt.", (topic, m) => topic === "records" && m.online && m.pending === 0, "centre"],
];

export class Guide {
  #list = document.getElementById("guide");
  #steps;
  #at = 0;

  constructor(site) {
    this.#steps = STEPS.filter(([, , needs]) => !needs || site[needs]);
    this.#list.replaceChildren(...this.#steps.map(([words]) => element("li", {}, words)));
    this.#mark();
  }

  hear(topic, message) {
    const step = this.#steps[this.#at];
    if (!step || !step[1](topic, message)) return;
    const row = this.#list.children[this.#at];
    row.classList.add("done");
    row.append(element("span", { class: "tick" }, " ✓ done"));
    this.#at += 1;
    this.#mark();
  }

  #mark() {
    [...this.#list.children].forEach((row, n) => {
      if (n === this.#at) row.setAttribute("aria-current", "step");
      else row.removeAttribute("aria-current");
    });
  }
}
