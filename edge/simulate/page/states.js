// The terminal's states, with the doors that are in each.

import { element } from "./dom.js";

export class States {
  #rows = new Map();
  #leads = new Map();
  #doors = new Map();

  constructor(site) {
    for (const { name, leads } of site.states) {
      this.#rows.set(name, element("li", {}, name));
      const ways = leads.map(({ event, to }) => element("li", {}, `${event} → ${to}`));
      this.#leads.set(name, element("div", {}, element("h3", {}, `From ${name}`), element("ul", {}, ...ways)));
    }
    document.getElementById("states").append(...this.#rows.values());
  }

  is(door, title, state) {
    this.#doors.set(door, { title, state });
    const now = [...new Set([...this.#doors.values()].map((one) => one.state))].filter((one) => this.#leads.has(one));
    document.getElementById("leads").replaceChildren(...now.map((one) => this.#leads.get(one)));
    for (const [name, row] of this.#rows) {
      const here = [...this.#doors.values()].filter((one) => one.state === name).map((one) => one.title);
      row.classList.toggle("here", here.length > 0);
      row.replaceChildren(name, ...(here.length ? [element("span", { class: "who" }, here.join(", "))] : []));
    }
  }
}
