// The page: it asks once what there is, and then hears every change as it happens.

import { about, post } from "./api.js";
import { isPressed, pressed } from "./dom.js";
import { DoorPanel } from "./door.js";
import { Guide } from "./guide.js";
import { People } from "./people.js";
import { Sound } from "./sound.js";
import { States } from "./states.js";

const trouble = document.getElementById("trouble");
const sound = new Sound();

function listen(site, panels) {
  const guide = new Guide(site);
  const people = new People(site);
  const states = new States(site);
  const titles = new Map(site.doors.map(({ name, title }) => [name, title]));
  const stream = new EventSource("events");
  stream.addEventListener("open", () => { trouble.textContent = ""; });
  stream.addEventListener("error", () => { trouble.textContent = "No connection: has the simulator ended?"; });
  stream.addEventListener("end", () => {
    stream.close();
    trouble.textContent = "The simulator has ended, or is shown in too many other windows.";
  });
  for (const topic of ["cue", "lights", "power", "camera", "reader", "buttons", "journal", "records", "enrolment"]) {
    stream.addEventListener(topic, (event) => {
      const message = JSON.parse(event.data);
      const panel = panels.get(message.door);
      panel[topic](message);
      if (topic === "cue" || topic === "power") states.is(message.door, titles.get(message.door), panel.state);
      if (topic === "records") people.enrolled(message.people, message.known ?? message.people);
      guide.hear(topic, message);
    });
  }
  stream.addEventListener("network", (event) => {
    const button = document.getElementById("network");
    const on = JSON.parse(event.data).on;
    pressed(button, !on);
    button.disabled = !site.centre;
  });
}

function listenToTools(site) {
  const soundButton = document.getElementById("sound");
  soundButton.addEventListener("click", async () => {
    const on = !isPressed(soundButton);
    await sound.switch(on);
    pressed(soundButton, on);
  });
  const network = document.getElementById("network");
  network.addEventListener("click", async () => {
    trouble.textContent = "";
    try {
      await post("network", { on: isPressed(network) });
    } catch (error) {
      trouble.textContent = error.message;
    }
  });
  if (!site.centre) {
    trouble.textContent = "There is no broker on this computer, so there is one door and there are no receipts: "
      + "install mosquitto, and start the simulator again.";
  }
}

try {
  const site = await about();
  const panels = new Map(site.doors.map((door) => [door.name, new DoorPanel(door, site, sound)]));
  document.getElementById("doors").append(...[...panels.values()].map((panel) => panel.root));
  listenToTools(site);
  listen(site, panels);
  document.body.dataset.ready = "yes";
} catch (error) {
  trouble.textContent = error.message;
}
