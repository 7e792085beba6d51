// What the build adds to each module that loads others: an `import` that bundlers leave alone.

declare const importAgain: (address: string) => Promise<unknown>;
