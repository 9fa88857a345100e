// The table of a door's last records, with the receipts that cover them.

import { element } from "./dom.js";

export function showRecords(root, { records, pending, online, alarms }) {
  const rows = [...records].reverse().map((record) => element(
    "tr", { class: record.kind },
    element("td", {}, String(record.seq)),
    element("td", {}, new Date(record.utc).toLocaleTimeString()),
    element("td", {}, record.kind),
    element("td", {}, element("bdi", {}, record.person ?? "")),
    element("td", {}, Object.entries(record.details).map(([name, value]) => `${name} ${value}`).join(", ")),
    element("td", { class: record.receipted ? "yes" : "waits" }, record.receipted ? "✓ receipted" : "waits"),
  ));
  root.querySelector("tbody").replaceChildren(...rows);
  const link = online ? "connected to the broker" : "not connected to a broker";
  const waiting = `${pending} ${pending === 1 ? "record waits" : "records wait"} for a receipt`;
  const trouble = alarms.length ? ` Alarms: ${alarms.join(", ")}.` : "";
  root.querySelector(".summary").textContent = `${waiting}; ${link}.${trouble}`;
}
