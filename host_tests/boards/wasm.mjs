// node wasm.mjs MICROPYTHON.MJS HEAP FOLDER CODE: runs CODE with the files of FOLDER at /board, in HEAP bytes.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [, , program, heap, folder, code] = process.argv;
const { loadMicroPython } = await import(pathToFileURL(program).href);
const mp = await loadMicroPython({ heapsize: Number(heap), stdout: (line) => console.log(line), linebuffer: true });

function copy(from, to) {
    mp.FS.mkdir(to);
    for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
        const there = path.join(from, entry.name);
        if (entry.isDirectory()) copy(there, `${to}/${entry.name}`);
        else mp.FS.writeFile(`${to}/${entry.name}`, fs.readFileSync(there));
    }
}
copy(folder, '/board');
mp.runPython(code);
