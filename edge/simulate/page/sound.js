// The buzzers: a square wave for each door, silent until sound is switched on (browsers ask for a press first).

const LOUDNESS = 0.04;

export class Sound {
  #context = null;
  #voices = new Map();
  #tones = new Map();

  async switch(on) {
    if (on && this.#context === null) this.#context = new AudioContext();
    if (on) await this.#context.resume();
    else await this.#context?.suspend();
    for (const [door, hz] of this.#tones) this.tone(door, hz);
  }

  tone(door, hz) {
    this.#tones.set(door, hz);
    if (this.#context === null) return;
    const voice = this.#voices.get(door) ?? this.#made(door);
    if (hz > 0) voice.wave.frequency.value = hz;
    voice.gain.gain.setTargetAtTime(hz > 0 ? LOUDNESS : 0, this.#context.currentTime, 0.005);
  }

  #made(door) {
    const wave = new OscillatorNode(this.#context, { type: "square" });
    const gain = new GainNode(this.#context, { gain: 0 });
    wave.connect(gain).connect(this.#context.destination);
    wave.start();
    const voice = { wave, gain };
    this.#voices.set(door, voice);
    return voice;
  }
}
