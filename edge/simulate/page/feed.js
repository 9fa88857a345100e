// A webcam or a clip as the camera of one door: its pictures are sent one after another, never two at a time.

import { post, postPicture } from "./api.js";

const PERIOD_MS = 1000 / 15;
const QUALITY = 0.92;
const LONGEST = 1600;
const MOST_FAILURES = 5;
const START_MS = 10_000;
const WEBCAM = {
  NotAllowedError: "The browser may not use the webcam: allow it for this page (beside the address), and press again.",
  NotFoundError: "There is no webcam on this computer: connect one, or choose a photograph or clip.",
  NotReadableError: "The webcam cannot be used: does another program use it? End that, and press again.",
};

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
    try {
      this.#video.srcObject = await navigator.mediaDevices.getUserMedia({
        audio: false, video: { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 15 } },
      });
    } catch (error) {
      throw new Error(WEBCAM[error.name] ?? `The webcam cannot be used: ${error.message}`);
    }
    const [track] = this.#video.srcObject.getVideoTracks();
    track.addEventListener("ended", () => this.#giveUp("The webcam has gone: look at its cable, and press again."));
    await this.#begin("The webcam gives no pictures: does another program use it?");
  }

  async clip(file) {
    await this.stop();
    this.#video.src = URL.createObjectURL(file);
    this.#video.loop = true;
    await this.#begin("This browser cannot play that clip: choose an MP4 (H.264) or a WebM with pictures in it.");
  }

  async stop() {
    if (this.#timer === null && !this.#video.srcObject && !this.#video.src) return;
    this.#release();
    await post(`doors/${this.#door}/camera`, { live: false });
  }

  // End it here: the webcam's own light goes out, too.
  #release() {
    clearInterval(this.#timer);
    this.#timer = null;
    this.#video.pause();
    for (const track of this.#video.srcObject?.getTracks() ?? []) track.stop();
    this.#video.srcObject = null;
    if (this.#video.src) URL.revokeObjectURL(this.#video.src);
    this.#video.removeAttribute("src");
    this.#video.hidden = true;
  }

  async #begin(otherwise) {
    this.#failures = 0;
    try {
      await started(this.#video);
    } catch {
      this.#release();
      throw new Error(otherwise);
    }
    this.#video.hidden = false;
    this.#timer = setInterval(() => this.#send(), PERIOD_MS);
  }

  #giveUp(problem) {
    if (this.#timer === null) return;
    this.#release();
    this.#told(problem);
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
      if (this.#failures >= MOST_FAILURES) this.#giveUp(error.message);
    } finally {
      this.#busy = false;
    }
  }
}

// The video plays, and has pictures. A clip that is broken may say neither that it plays nor that it does not.
async function started(video) {
  const late = new Promise((_, reject) => { setTimeout(() => reject(new Error("late")), START_MS); });
  await Promise.race([video.play(), late]);
  if (!video.videoWidth || !video.videoHeight) throw new Error("no pictures");
}

// A photograph, shrunk to what a frame can show.
export async function shrunk(file) {
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name} is no picture that this browser can read: choose a JPEG or PNG.`);
  }
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
