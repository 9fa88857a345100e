// Enrolment of a person whom the visitor names, at one door: name and attestations, then the consent, then templates
// before the camera, or from photographs.

import { Refused, post, postForLines } from "./api.js";
import { shrunk } from "./feed.js";

const MOST_PHOTOGRAPHS = 5;
const AGREED = "AGREE";

export class Enrolment {
  #door;
  #root;
  #scene;
  #ending = null;
  #goingOn = false;
  #ended = null;

  // `scene` is told what a sample person does: the photograph, and whether it is mirrored.
  constructor(door, root, site, scene) {
    this.#door = door;
    this.#root = root;
    this.#scene = scene;
    this.#find(".age").nextElementSibling.textContent = `They are ${site.minimum_age} or older`;
    this.#find(".policy").textContent = site.policy;
    for (const way of this.#ways()) {
      way.name = `way-${door}`;
      way.addEventListener("change", () => { this.#find(".file").hidden = this.#way() !== "photographs"; });
    }
    const on = (selector, event, act) => this.#find(selector).addEventListener(event, (happened) => {
      happened.preventDefault();
      act();
    });
    on(".wish", "submit", () => this.#ask());
    on(".agree", "submit", () => this.#typed());
    on(".decline", "click", () => this.#decline());
    on(".cancel", "click", () => this.#cancel());
    addEventListener("pagehide", () => this.#ending?.abort());
  }

  // Whether the next press of IN at this door agrees to the policy.
  get asking() {
    return !this.#find(".consent").hidden;
  }

  // Enrol the person who has agreed.
  async agree() {
    const photographs = this.#way() === "photographs" ? [...this.#find(".photographs").files] : [];
    const focused = this.#root.contains(document.activeElement);
    this.#show(photographs.length ? ".wish" : ".guided");
    this.#tell(photographs.length ? "The photographs are looked at…" : "");
    this.#progress({ text: "Stand before the camera.", taken: 0, wanted: 5 });
    this.#ended = null;
    this.#ending = new AbortController();
    this.#busy(true);
    try {
      const pictures = await Promise.all(photographs.map(base64Of));
      if (focused && !photographs.length) this.#find(".cancel").focus();
      await postForLines(`doors/${this.#door}/enrolment`, { ...this.#wish(), photographs: pictures }, (said) => this.#hear(said), this.#ending.signal);
      if (photographs.length) this.#done("Enrolled from photographs, with the consent. Nobody tested that they show a living face.");
      else if (!this.#ended) this.#tell("The simulator ended the enrolment, and nothing was kept.");
    } catch (error) {
      if (error.name !== "AbortError") this.#tell(error instanceof Refused ? error.message : `That did not work: ${error.message}`);
    } finally {
      this.#ending = null;
      this.#busy(false);
      if (this.#ended?.reason !== "busy") this.#goingOn = false;
      this.#showWhether();
    }
  }

  // An enrolment goes on at this door, or is over; another window may have begun it.
  going(going) {
    if (going === this.#goingOn) return;
    this.#goingOn = going;
    if (!this.#ending) this.#showWhether();
  }

  #showWhether() {
    const going = this.#goingOn;
    this.#show(going ? ".guided" : ".wish");
    if (!going) return;
    this.#root.open = true;
    this.#find("progress").hidden = true;
    this.#find(".taken").textContent = "";
    this.#find(".coach").textContent = "An enrolment goes on here, which another window began.";
  }

  #ask() {
    const files = this.#find(".photographs").files.length;
    if (this.#way() === "photographs" && (files < 1 || files > MOST_PHOTOGRAPHS)) {
      this.#tell(`Choose 1 to ${MOST_PHOTOGRAPHS} photographs.`);
      this.#find(".photographs").focus();
      return;
    }
    this.#find(".whom").textContent = this.#find(".name").value;
    this.#find(".typed").value = "";
    this.#tell("");
    this.#show(".consent");
    this.#find(".consent").focus();
  }

  #typed() {
    if (this.#find(".typed").value.trim().toUpperCase() === AGREED) return this.agree();
    this.#tell(`Only ${AGREED} agrees. Nothing was kept.`);
    this.#find(".typed").focus();
  }

  #decline() {
    this.#show(".wish");
    this.#tell("They did not agree. Nothing was sent to the terminal, and nothing was kept.");
    this.#find(".wish button").focus();
  }

  async #cancel() {
    try {
      await post(`doors/${this.#door}/enrolment/cancel`, {});
    } catch (error) {
      this.#tell(error.message);
    }
  }

  // A line of the terminal (docs/control.md); what is not known is passed over.
  #hear(said) {
    if (said.end === "done") {
      this.#done(`Enrolled with ${said.templates} templates of a living face, and the consent; ${said.elsewhere}. `
        + "Now leave the camera: whoever still stands there after ten seconds is clocked in.");
    } else if (said.end) {
      this.#ended = said;
      this.#tell(`${sentence(said.text ?? said.reason)} ${leftWords(said.left)}`);
    } else if (said.progress === "scene") {
      this.#scene(said);
    } else if (typeof said.text === "string") {
      this.#progress(said);
    }
  }

  #progress({ text, taken, wanted }) {
    this.#find(".coach").textContent = sentence(text);
    if (!Number.isInteger(taken)) return;
    const bar = this.#find("progress");
    bar.hidden = false;
    bar.max = wanted;
    bar.value = taken;
    const words = `${taken} of ${wanted} templates`;
    const shown = this.#find(".taken");
    if (shown.textContent !== words) shown.textContent = words;
  }

  #done(words) {
    this.#ended = { end: "done" };
    this.#find(".wish").reset();
    this.#find(".file").hidden = true;
    this.#tell(words);
  }

  #wish() {
    return {
      name: this.#find(".name").value,
      witness: this.#find(".witness").value,
      agreed: true,
      age_attested: this.#find(".age").checked,
      employer_agreed: this.#find(".employer").checked,
    };
  }

  #ways() {
    return this.#root.querySelectorAll(".way [type=radio]");
  }

  #way() {
    return [...this.#ways()].find((way) => way.checked)?.value;
  }

  #busy(busy) {
    this.#find(".wish button").disabled = busy;
  }

  // One part is shown; the focus does not get lost with the part that goes.
  #show(part) {
    const lost = [".wish", ".consent", ".guided"].filter((one) => one !== part).map((one) => this.#find(one));
    const held = lost.some((one) => one.contains(document.activeElement));
    for (const one of lost) one.hidden = true;
    this.#find(part).hidden = false;
    if (held) this.#root.querySelector("summary").focus();
  }

  #tell(words) {
    this.#find(".outcome").textContent = words;
  }

  #find(selector) {
    return this.#root.querySelector(selector);
  }
}

function leftWords(left) {
  if (!left) return "";
  if (left.problem) return `The terminal's files could not be looked through: ${left.problem}`;
  const counts = `${left.people} people, ${left.templates} templates and ${left.records} records`;
  return left.people || left.records
    ? `Since it began, the terminal's files have got ${counts}.`
    : `The terminal's files were looked through: ${counts} are left of it.`;
}

function sentence(text) {
  const words = String(text ?? "");
  const end = /[.!?…]$/.test(words) ? "" : ".";
  return words && words[0].toUpperCase() + words.slice(1) + end;
}

async function base64Of(file) {
  const bytes = new Uint8Array(await (await shrunk(file)).arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}
