// The panel of one door: its camera, lights, reader and records.

import { post, postPicture } from "./api.js";
import { element, heldButton, isPressed, pressed } from "./dom.js";
import { Enrolment } from "./enrol.js";
import { Feed, shrunk } from "./feed.js";
import { showRecords } from "./records.js";

const COLOURS = ["green", "amber", "red"];
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class DoorPanel {
  #name;
  #root;
  #people;
  #sound;
  #feed;
  #enrolment;
  #agreeing = false;
  #cue = null;
  #shownPhoto = null;

  constructor({ name, title }, site, sound) {
    this.#name = name;
    this.#people = site.people;
    this.#sound = sound;
    this.#root = document.getElementById("door").content.firstElementChild.cloneNode(true);
    const heading = this.#find(".title");
    heading.textContent = title;
    heading.id = `title-${name}`;
    this.#root.setAttribute("aria-labelledby", heading.id);
    this.#find(".scroll").setAttribute("aria-label", `Last records of ${title}`);
    this.#feed = new Feed(name, this.#find(".live"), site.size, (problem) => this.#feedEnded(problem));
    this.#enrolment = new Enrolment(name, this.#find(".enrol"), site, (shown) => this.#obeys(shown));
    this.#fillWidgets();
    this.#listen();
    this.#showScene("Nobody is there.");
  }

  get root() {
    return this.#root;
  }

  get state() {
    return this.#root.dataset.state ?? "";
  }

  cue(cue) {
    this.#cue = cue;
    this.#root.dataset.state = cue.state;
    const lit = COLOURS.filter((colour) => cue.steps.some((step) => step[colour]));
    const lights = lit.length ? ` (${lit.join(" and ")} light)` : "";
    this.#say(`${cue.text}${lights}`);
    this.#find(".state").replaceChildren("State: ", element("strong", {}, cue.state));
    if (calm.matches) this.#steady();
  }

  lights(lights) {
    this.#sound.tone(this.#name, lights.tone_hz);
    this.#find(".buzzer").classList.toggle("lit", lights.tone_hz > 0);
    if (calm.matches) return;
    for (const colour of COLOURS) this.#find(`.${colour}`).classList.toggle("lit", lights[colour]);
  }

  power({ on, problem }) {
    pressed(this.#find(".switch"), on);
    this.#root.classList.toggle("off", !on);
    this.#find(".power").textContent = on ? "" : problem ?? "";
    if (!on) {
      this.#say("The terminal is off.");
      this.#find(".state").textContent = "";
      this.#root.dataset.state = "";
    }
  }

  camera({ unplugged }) {
    this.#find(".no-camera").checked = unplugged;
  }

  reader({ unplugged }) {
    this.#find(".no-reader").checked = unplugged;
  }

  buttons({ unplugged }) {
    this.#find(".no-buttons").checked = unplugged;
  }

  journal({ held }) {
    this.#find(".no-journal").checked = held;
  }

  enrolment({ going }) {
    this.#enrolment.going(going);
  }

  records(message) {
    showRecords(this.#root, message);
  }

  // A live region: what is said already is not said again, however often a cue is shown.
  #say(words) {
    const shown = this.#find(".words");
    if (shown.textContent !== words) shown.textContent = words;
  }

  // A sample person turns as the terminal asks: there are photographs of that.
  #obeys({ photo, mirrored }) {
    if (!this.#shownPhoto) return;
    const image = this.#find(".photo");
    image.src = `photos/${photo}`;
    image.classList.toggle("mirrored", mirrored);
  }

  // Without blinking: the lights that the cue uses are lit as long as it lasts.
  #steady() {
    for (const colour of COLOURS) {
      this.#find(`.${colour}`).classList.toggle("lit", this.#cue.steps.some((step) => step[colour]));
    }
  }

  #fillWidgets() {
    const faces = this.#people.map((person) => element(
      "button", { type: "button", class: "face", onclick: () => this.#act(() => this.#stand(person)) },
      person.name,
    ));
    faces.push(element(
      "button", { type: "button", class: "nobody", onclick: () => this.#act(() => this.#stand(null)) }, "Nobody",
    ));
    this.#find(".faces").append(...faces);
    const badges = this.#people.map((person) => this.#badge(`${person.name}'s badge`, person.badge));
    this.#find(".badges").append(...badges, this.#badge("Unknown badge", "0009999999"));
  }

  #badge(label, number) {
    return element(
      "button", { type: "button", onclick: () => this.#act(() => this.#post("badge", { number })) }, label,
    );
  }

  #listen() {
    const on = (selector, event, act) => this.#find(selector).addEventListener(event, act);
    on(".webcam", "click", () => this.#act(() => this.#webcam()));
    on(".upload", "change", (event) => this.#act(() => this.#upload(event.target)));
    on(".keypad", "submit", (event) => {
      event.preventDefault();
      this.#act(() => this.#type());
    });
    on(".no-camera", "change", (event) => this.#act(() => this.#post("camera", { unplugged: event.target.checked })));
    on(".no-reader", "change", (event) => this.#act(() => this.#post("reader", { on: !event.target.checked })));
    on(".no-buttons", "change", (event) => this.#act(() => this.#post("buttons", { on: !event.target.checked })));
    on(".box-open", "change", (event) => this.#act(() => this.#move("tamper", event.target.checked)));
    on(".motion", "click", () => this.#act(async () => {
      await this.#move("motion", true);
      await this.#move("motion", false);
    }));
    for (const button of this.#root.querySelectorAll("[data-contact]")) {
      heldButton(button, (active) => this.#act(() => this.#pressed(button.dataset.contact, active)));
    }
    on(".no-journal", "change", (event) => this.#act(() => this.#post("journal", { on: !event.target.checked })));
    on(".switch", "click", () => this.#act(() => this.#post("power", { on: !isPressed(this.#find(".switch")) })));
    for (const selector of [".dark", ".fast"]) {
      on(selector, "change", () => this.#shownPhoto && this.#act(() => this.#stand(this.#shownPhoto)));
    }
  }

  async #stand(person) {
    await this.#endFeed();
    await this.#post("stand", {
      photo: person?.photo ?? null,
      gain: this.#find(".dark").checked ? 0.1 : 1,
      blur: this.#find(".fast").checked ? 9 : 0,
    });
    this.#shownPhoto = person;
    this.#showScene(person ? `${person.name} is there.` : "Nobody is there.", person && `photos/${person.photo}`);
  }

  async #webcam() {
    const ending = this.#feed.running && isPressed(this.#find(".webcam"));
    await this.#endFeed();
    if (ending) return;
    await this.#feed.webcam();
    pressed(this.#find(".webcam"), true);
    this.#showScene("The terminal sees your webcam.");
  }

  async #upload(input) {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    if (file.type.startsWith("video/")) {
      await this.#endFeed();
      await this.#feed.clip(file);
      this.#showScene("The terminal sees your clip, again and again.");
      return;
    }
    const jpeg = await shrunk(file);
    await this.#endFeed();
    await postPicture(`doors/${this.#name}/picture`, jpeg);
    this.#showScene("Your photograph is there.", URL.createObjectURL(jpeg));
  }

  async #type() {
    const field = this.#find(".digits");
    await this.#post("keys", { digits: field.value });
    field.value = "";
    field.focus();
  }

  async #endFeed() {
    const ran = this.#feed.running;
    await this.#feed.stop();
    pressed(this.#find(".webcam"), false);
    if (ran) this.#showScene("Nobody is there.");
  }

  // The webcam or the clip has ended by itself.
  #feedEnded(problem) {
    pressed(this.#find(".webcam"), false);
    this.#showScene("Nobody is there.");
    this.#complain(problem);
  }

  // IN agrees while somebody is asked for their consent; otherwise it is the terminal's button.
  #pressed(contact, active) {
    const agreeing = contact === "in" && (active ? this.#enrolment.asking : this.#agreeing);
    if (!agreeing) return this.#move(contact, active);
    this.#agreeing = active;
    if (!active && this.#enrolment.asking) this.#enrolment.agree();
  }

  #showScene(words, photo = null) {
    const image = this.#find(".photo");
    if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
    if (photo) image.src = photo;
    else image.removeAttribute("src");
    image.hidden = !photo;
    image.classList.remove("mirrored");
    if (!photo || !this.#shownPhoto || photo !== `photos/${this.#shownPhoto.photo}`) this.#shownPhoto = null;
    this.#find(".scene").textContent = words;
  }

  #move(contact, active) {
    return this.#post("contact", { contact, active });
  }

  #post(what, body) {
    return post(`doors/${this.#name}/${what}`, body);
  }

  async #act(act) {
    this.#complain("");
    try {
      await act();
    } catch (error) {
      this.#complain(error.message);
    }
  }

  #complain(problem) {
    this.#find(".problem").textContent = problem;
  }

  #find(selector) {
    return this.#root.querySelector(selector);
  }
}
