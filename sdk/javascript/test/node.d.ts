// What the programs here use of Node, so that their check needs no further package.

declare const process: any;
declare module 'node:assert/strict' {
  const assert: any;
  export default assert;
}
declare module 'node:http' {
  export const createServer: any;
}
