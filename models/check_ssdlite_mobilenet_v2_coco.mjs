// Holds ssdlite_mobilenet_v2_coco.onnx against the TensorFlow.js graph that it was imported from.
//
// In:  the unpacked npm package's model.json and JPEG pictures. Both networks get the same tensor:
//      the one that the original graph's own resize and scaling make of the picture.
// Out: per picture the largest difference of a logit and of an offset, that of the manifest's
//      resize (`bilinear-legacy`) from the original graph's, and the best default box of every
//      class that scores at least 0.5 there. Exit status 1 if a difference exceeds its limit.
//
// Usage, with a copy of this file in a folder outside the checkout (README.md has the lines):
//   npm install @tensorflow/tfjs@4.22.0 onnxruntime-web@1.30.0 sharp@0.35.5
//   node check_ssdlite_mobilenet_v2_coco.mjs MODEL.onnx package/models/coco-ssd/model.json PHOTO.jpg…

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import * as ort from 'onnxruntime-web';
import sharp from 'sharp';

const SIZE = 300;
const CLASSES = 91;
const LIMITS = { logits: 2e-4, offsets: 2e-4, resize: 1e-5 };

/** The original graph, with its weights read from the shards beside model.json. */
function loadOriginal(path) {
  const { modelTopology, weightsManifest } = JSON.parse(readFileSync(path));
  const shards = weightsManifest.flatMap((group) => group.paths)
    .map((name) => readFileSync(join(dirname(path), name)));
  const weightData = new Uint8Array(Buffer.concat(shards)).buffer;
  const weightSpecs = weightsManifest.flatMap((group) => group.weights);
  return tf.loadGraphModel({ load: async () => ({ modelTopology, weightSpecs, weightData }) });
}

/** [3, SIZE, SIZE]: bilinear with source = destination * in / out, no half-pixel centres, as float. */
function networkInput(data, { width, height }) {
  const tensor = new Float32Array(3 * SIZE * SIZE);
  for (let y = 0; y < SIZE; y++) {
    const sy = (y * height) / SIZE;
    const top = Math.floor(sy);
    const bottom = Math.min(top + 1, height - 1);
    for (let x = 0; x < SIZE; x++) {
      const sx = (x * width) / SIZE;
      const left = Math.floor(sx);
      const right = Math.min(left + 1, width - 1);
      for (let c = 0; c < 3; c++) {
        const at = (row, column) => data[(row * width + column) * 3 + c];
        const [fx, fy] = [sx - left, sy - top];
        const above = at(top, left) * (1 - fx) + at(top, right) * fx;
        const below = at(bottom, left) * (1 - fx) + at(bottom, right) * fx;
        tensor[(c * SIZE + y) * SIZE + x] = (above * (1 - fy) + below * fy) / 127.5 - 1;
      }
    }
  }
  return tensor;
}

function largestDifference(a, b) {
  if (a.length !== b.length) throw new Error(`${a.length} values against ${b.length}`);
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i])), 0);
}

/** The default box with the largest logit of each class that scores at least 0.5 somewhere. */
function bestBoxes(logits) {
  const best = [];
  for (let k = 1; k < CLASSES; k++) {
    let box = 0;
    for (let d = 1; d < logits.length / CLASSES; d++) {
      if (logits[d * CLASSES + k] > logits[box * CLASSES + k]) box = d;
    }
    const score = 1 / (1 + Math.exp(-logits[box * CLASSES + k]));
    if (score >= 0.5) best.push(`class ${k} ${score.toFixed(3)} at box ${box}`);
  }
  return best.join(', ');
}

const [modelFile, originalFile, ...photos] = process.argv.slice(2);
if (photos.length === 0) {
  console.error('usage: check_ssdlite_mobilenet_v2_coco.mjs MODEL.onnx model.json PHOTO.jpg…');
  process.exit(2);
}
await tf.setBackend('cpu');
const original = await loadOriginal(originalFile);
const imported = await ort.InferenceSession.create(readFileSync(modelFile));
for (const photo of photos) {
  const { data, info } = await sharp(photo).toColourspace('srgb').removeAlpha().raw()
    .toBuffer({ resolveWithObject: true });
  const image = tf.tensor(data, [1, info.height, info.width, 3], 'int32');
  const [input, offsets, logits] = await original.executeAsync(
    { image_tensor: image }, ['Preprocessor/sub', 'Squeeze', 'concat_1']);
  const tensor = input.transpose([0, 3, 1, 2]).dataSync();
  const result = await imported.run({ image: new ort.Tensor(tensor, [1, 3, SIZE, SIZE]) });
  const found = {
    logits: largestDifference(result.class_logits.data, logits.dataSync()),
    offsets: largestDifference(result.box_offsets.data, offsets.dataSync()),
    resize: largestDifference(networkInput(data, info), tensor),
  };
  for (const [name, limit] of Object.entries(LIMITS)) {
    if (!(found[name] <= limit)) process.exitCode = 1;
    console.log(`${photo}: ${name}: largest difference ${found[name].toExponential(1)}, limit ${limit}`);
  }
  console.log(`${photo}: ${bestBoxes(result.class_logits.data)}`);
}
