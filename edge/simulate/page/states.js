// The terminal's states, with the doors that are in each.

import { element } from "./dom.js";

export class States {
  #rows = new Map();
  #doors = new Map();

  constructor(site) {
    for (const state of site.states) {
      this.#rows.set(state.name, element("li", {}, state.name));
    }
    document.getElementById("states").append(...this.#rows.values());
  }

  is(door, title, state) {
    this.#doors.set(door, { title, state });
    for (const [name, row] of this.#rows) {
      const here = [...this.#doors.values()].filter((one) => one.state === name).map((one) => one.title);
      row.classList.toggle("here", here.length > 0);
      row.replaceChildren(name, ...(here.length ? [element("span", { class: "who" }, here.join(", "))] : []));
    }
  }
}
