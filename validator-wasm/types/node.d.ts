// The one thing of Node that the package uses, where it is there.

declare var process:
  | {
      getBuiltinModule?(name: 'node:fs'): { readFileSync(file: URL): Uint8Array<ArrayBuffer> };
    }
  | undefined;
