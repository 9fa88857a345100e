// Enrolment of the sample people, with their consent.

import { post } from "./api.js";
import { element } from "./dom.js";

export class People {
  #agreed = document.getElementById("agreed");
  #status = document.getElementById("enrolment");
  #buttons = new Map();

  constructor(site) {
    document.getElementById("policy").textContent = site.policy;
    const rows = site.people.map((person) => {
      const button = element("button", { type: "button", onclick: () => this.#enrol(person) }, `Enrol ${person.name}`);
      this.#buttons.set(person.name, button);
      const means = `badge ${person.badge}, staff number ${person.number}, PIN ${person.pin}`;
      return element(
        "li", {}, element("span", {}, element("strong", {}, person.name), element("br"), means), button,
      );
    });
    document.getElementById("samples").append(...rows);
  }

  // The names of those who are enrolled, as a door's terminal knows them.
  enrolled(names) {
    for (const [name, button] of this.#buttons) {
      if (!names.includes(name)) continue;
      button.disabled = true;
      button.textContent = `${name} is enrolled`;
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
