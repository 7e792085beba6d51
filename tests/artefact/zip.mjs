// Zip archives, as far as the tests of the artefact need them.
import { crc32, inflateRawSync } from 'node:zlib';

/** The files of an archive in the order of its directory: name, mode, DOS date and time, content. */
export function read(archive) {
  const end = archive.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  const files = [];
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    const [name, extra, comment] = [28, 30, 32].map((field) => archive.readUInt16LE(at + field));
    const from = archive.readUInt32LE(at + 42);
    const start = from + 30 + archive.readUInt16LE(from + 26) + archive.readUInt16LE(from + 28);
    const data = archive.subarray(start, start + archive.readUInt32LE(at + 20));
    files.push({
      name: archive.toString('utf8', at + 46, at + 46 + name),
      mode: archive.readUInt16LE(at + 40) & 0o777,
      time: archive.readUInt32LE(at + 12),
      content: archive.readUInt16LE(at + 10) === 8 ? inflateRawSync(data) : data,
    });
    at += 46 + name + extra + comment;
  }
  return files;
}

/** An archive with one file, not compressed. */
export function write(name, content) {
  const head = Buffer.alloc(26);
  head.writeUInt16LE(10, 0);
  head.writeUInt32LE(crc32(content), 10);
  head.writeUInt32LE(content.length, 14);
  head.writeUInt32LE(content.length, 18);
  head.writeUInt16LE(name.length, 22);
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), head, Buffer.from(name), content]);
  const directory = Buffer.concat([
    Buffer.from('PK\x01\x02\x0a\x00', 'latin1'),
    head,
    Buffer.alloc(14),
    Buffer.from(name),
  ]);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, directory, end]);
}
