// A webcam or a clip as the camera of one door: its pictures are sent one after another, never two at a time.

import { post, postPicture } from "./api.js";

const PERIOD_MS = 1000 / 15;
const QUALITY = 0.92;
const LONGEST = 1600;
const MOST_FAILURES = 5;

export class Feed {
  #door;
  #video;
  #canvas = document.createElement("canvas");
  #timer = null;
  #busy = false;
  #failures = 0;
  #told;

  constructor(door, video, [width, height], told) {
    this.#door = door;
    this.#video = video;
    this.#canvas.width = width;
    this.#canvas.height = height;
    this.#told = told;
  }

  get running() {
    return this.#timer !== null;
  }

  async webcam() {
    await this.stop();
    if (!navigator.mediaDevices) throw new Error("This browser gives pages no webcam.");
    const { width, height } = this.#canvas;
    this.#video.srcObject = await navigator.mediaDevices.getUserMedia({
      audio: false, video: { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 15 } },
    });
    await this.#begin();
  }

  async clip(file) {
    await this.stop();
    this.#video.src = URL.createObjectURL(file);
    this.#video.loop = true;
    await this.#begin();
  }

  async stop() {
    if (this.#timer === null && !this.#video.srcObject && !this.#video.src) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#video.pause();
    for (const track of this.#video.srcObject?.getTracks() ?? []) track.stop();
    this.#video.srcObject = null;
    if (this.#video.src) URL.revokeObjectURL(this.#video.src);
    this.#video.removeAttribute("src");
    this.#video.hidden = true;
    await post(`doors/${this.#door}/camera`, { live: false });
  }

  async #begin() {
    this.#failures = 0;
    await this.#video.play();
    this.#video.hidden = false;
    this.#timer = setInterval(() => this.#send(), PERIOD_MS);
  }

  async #send() {
    if (this.#busy || this.#video.readyState < 2) return;
    this.#busy = true;
    try {
      drawn(this.#video, this.#video.videoWidth, this.#video.videoHeight, this.#canvas);
      await postPicture(`doors/${this.#door}/frame`, await jpegOf(this.#canvas));
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      if (this.#failures >= MOST_FAILURES) {
        clearInterval(this.#timer);
        this.#timer = null;
        this.#told(error.message);
      }
    } finally {
      this.#busy = false;
    }
  }
}

// A photograph, shrunk to what a frame can show.
export async function shrunk(file) {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(16, Math.round(picture.width * scale));
  canvas.height = Math.max(16, Math.round(picture.height * scale));
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return jpegOf(canvas);
}

// The middle of a picture, as large as the canvas.
function drawn(source, width, height, canvas) {
  const scale = Math.min(width / canvas.width, height / canvas.height);
  const [w, h] = [canvas.width * scale, canvas.height * scale];
  canvas.getContext("2d").drawImage(source, (width - w) / 2, (height - h) / 2, w, h, 0, 0, canvas.width, canvas.height);
}

function jpegOf(canvas) {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The picture could not be read."))), "image/jpeg", QUALITY);
  });
}
