// A generator of images, run by ONNX Runtime Web: seed, label, truncation and directions in,
// pictures out. Everything lies beside this file.

import * as ort from "./ort.js";

const GRID = 6; // images a side
const FARTHEST = 4; // of a slider, in standard deviations of a latent's component

ort.env.wasm.numThreads = 1; // more need headers that few static hosts send
ort.env.wasm.wasmPaths = {
  mjs: new URL("./ort-wasm.js", import.meta.url).href,
  wasm: new URL("./ort.wasm", import.meta.url).href,
};

const get = (id) => document.getElementById(id);

// Mulberry32: uniform numbers in [0, 1), a function of the seed. These are other latents than
// those of `keras-gan sample`, which draws with TensorFlow.
function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// p_z: zero mean, unit variance.
const DISTRIBUTIONS = {
  normal: (next) => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  uniform: (next) => Math.sqrt(3) * (2 * next() - 1),
  rademacher: (next) => (next() < 0.5 ? -1 : 1),
};

function latents(model, seed, count, truncation) {
  const next = uniform(seed);
  const draw = DISTRIBUTIONS[model.latent_distribution];
  return Float32Array.from({ length: count * model.latent_dim }, () => truncation * draw(next));
}

async function generate(session, model, latent, label) {
  const count = latent.length / model.latent_dim;
  const inputs = { latent: new ort.Tensor("float32", latent, [count, model.latent_dim]) };
  if (model.class_names) {
    const labels = new Int32Array(count).fill(label);
    inputs.labels = new ort.Tensor("int32", labels, [count]);
  }
  return (await session.run(inputs)).images.data;
}

// Images in [-1, 1], side by side with a line between, onto a canvas.
function show(canvas, model, images, columns) {
  const [height, width, channels] = model.image_shape;
  const count = images.length / (height * width * channels);
  const rows = Math.ceil(count / columns);
  canvas.width = columns * (width + 1) - 1;
  canvas.height = rows * (height + 1) - 1;
  const context = canvas.getContext("2d");
  for (let n = 0; n < count; n++) {
    const tile = context.createImageData(width, height);
    for (let pixel = 0; pixel < height * width; pixel++) {
      for (let channel = 0; channel < 3; channel++) {
        const at = (n * height * width + pixel) * channels + Math.min(channel, channels - 1);
        tile.data[4 * pixel + channel] = Math.round((images[at] + 1) * 127.5);
      }
      tile.data[4 * pixel + 3] = 255;
    }
    const left = (n % columns) * (width + 1), top = Math.floor(n / columns) * (height + 1);
    context.putImageData(tile, left, top);
  }
}

// A row of the panel: a name, a control, and beside a slider its value.
function control(name, element) {
  const label = document.createElement("label");
  const value = document.createElement("output");
  label.textContent = name;
  label.htmlFor = element.id = name.toLowerCase().replaceAll(" ", "-");
  get("controls").append(label, element, value);
  element.show = () => { value.textContent = element.type === "range" ? element.value : ""; };
  element.show();
  return element;
}

function input(name, settings) {
  return control(name, Object.assign(document.createElement("input"), settings));
}

function build(model) {
  const controls = {
    seed: input("Seed", { type: "number", min: 0, max: 2 ** 31 - 1, value: 0 }),
  };
  if (model.class_names) {
    const select = document.createElement("select");
    model.class_names.forEach((name, n) => select.add(new Option(name, n)));
    controls.label = control("Label", select);
  }
  controls.truncation =
    input("Truncation", { type: "range", min: 0, max: 1.5, step: 0.05, value: 1 });
  controls.directions = model.directions.map((_, n) =>
    input(`Direction ${n + 1}`, {
      type: "range", min: -FARTHEST, max: FARTHEST, step: 0.05, value: 0,
    }));
  return controls;
}

async function main() {
  const model = await (await fetch("model.json")).json();
  document.title = model.name;
  get("title").textContent = model.name;
  const session = await ort.InferenceSession.create("generator.onnx", {
    executionProviders: ["wasm"],
  });
  const controls = build(model);

  async function draw(all) {
    const seed = Number(controls.seed.value);
    const truncation = Number(controls.truncation.value);
    const label = controls.label ? Number(controls.label.value) : 0;
    const latent = latents(model, seed, 1, truncation);
    controls.directions.forEach((slider, n) => {
      const step = Number(slider.value);
      model.directions[n].forEach((part, i) => { latent[i] += step * part; });
    });
    const started = performance.now();
    show(get("one"), model, await generate(session, model, latent, label), 1);
    get("status").textContent = `An image in ${(performance.now() - started).toFixed(1)} ms.`;
    get("download").href = get("one").toDataURL("image/png");
    if (all) {
      const many = latents(model, seed, GRID * GRID, truncation);
      show(get("grid"), model, await generate(session, model, many, label), GRID);
    }
  }

  // One drawing at a time; of the moves that come meanwhile the last is drawn.
  let busy = false, waiting = null;
  async function asked(all) {
    if (busy) { waiting = all || waiting === true; return; }
    busy = true;
    try {
      await draw(all);
    } finally {
      busy = false;
    }
    if (waiting !== null) {
      const next = waiting;
      waiting = null;
      await asked(next);
    }
  }

  const everywhere = [controls.seed, controls.label, controls.truncation].filter(Boolean);
  for (const element of [...everywhere, ...controls.directions]) {
    element.addEventListener("input", () => {
      element.show();
      asked(everywhere.includes(element));
    });
  }
  get("back").addEventListener("click", () => {
    for (const slider of controls.directions) { slider.value = 0; slider.show(); }
    asked(false);
  });
  await asked(true);
  document.body.dataset.ready = "yes";
}

main().catch((error) => {
  get("status").textContent = `This page needs a server (not file://) and WebAssembly: ${error.message}`;
});
