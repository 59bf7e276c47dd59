// What GPAC's reader of MP4 says of each file named in argv: a JSON object a line, with its complaints and what it found.
import { readFileSync } from 'node:fs';
import { createFile, Log } from 'mp4box';

let complaints = [];
for (const level of ['warn', 'error']) Log[level] = (where, text) => complaints.push(`${where}: ${text}`);

function* inside({ boxes = [] }) {
  for (const box of boxes) {
    yield box;
    yield* inside(box);
  }
}

for (const name of process.argv.slice(2)) {
  complaints = [];
  const { buffer, byteOffset, byteLength } = readFileSync(name);
  const bytes = Object.assign(buffer.slice(byteOffset, byteOffset + byteLength), { fileStart: 0 });
  const file = createFile();
  file.onError = (where, text) => complaints.push(`${where}: ${text}`);
  file.appendBuffer(bytes, true);
  file.flush();
  for (const box of inside(file)) if (box.has_unparsed_data) complaints.push(`${box.type} is longer than what it holds`);
  const tracks = file.getInfo().tracks.map(({ codec, nb_samples: samples }) => ({ codec, samples }));
  console.log(JSON.stringify({ complaints, tracks }));
}
