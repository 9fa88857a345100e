// Enrolment of the sample people, with their consent.

import { post } from "./api.js";
import { element } from "./dom.js";

export class People {
  #agreed = document.getElementById("agreed");
  #status = document.getElementById("enrolment");
  #buttons = new Map();
  #badges = new Map();

  constructor(site) {
    document.getElementById("policy").textContent = site.policy;
    const rows = site.people.map((person) => {
      const button = element("button", { type: "button", onclick: () => this.#enrol(person) }, `Enrol ${person.name}`);
      this.#buttons.set(person.name, button);
      const badge = element("button", { type: "button", onclick: () => this.#add(person) }, `${person.name}: badge only`);
      this.#badges.set(person.name, badge);
      const leads = person.supervises ? "; may open enrolments at the entrance" : "";
      const means = `badge ${person.badge}, staff number ${person.number}, PIN ${person.pin}${leads}`;
      return element(
        "li", {}, element("span", {}, element("strong", {}, person.name), element("br"), means), button, badge,
      );
    });
    document.getElementById("samples").append(...rows);
  }

  // The names of those who are enrolled, and of all who are known, as a door's terminal has them.
  enrolled(names, known) {
    for (const [name, button] of this.#buttons) {
      if (known.includes(name)) this.#badges.get(name).disabled = true;
      if (!names.includes(name)) continue;
      button.disabled = true;
      button.textContent = `${name} is enrolled`;
    }
  }

  async #add(person) {
    try {
      await post("people", { sample: person.key, agreed: false, face: false });
      this.#status.textContent = `${person.name} is known by the badge, at the entrance. A supervisor can enrol them there.`;
    } catch (error) {
      this.#status.textContent = error.message;
    }
  }

  async #enrol(person) {
    if (!this.#agreed.checked) {
      this.#status.textContent = `First tick the box: ${person.name} must have read the policy and agree.`;
      this.#agreed.focus();
      return;
    }
    this.#status.textContent = `${person.name} is being enrolled…`;
    try {
      await post("people", { sample: person.key, agreed: true });
      this.#agreed.checked = false;
      this.#status.textContent = `${person.name} is enrolled. Now press ${person.name} at a door.`;
    } catch (error) {
      this.#status.textContent = error.message;
    }
  }
}
