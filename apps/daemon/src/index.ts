/** corrald as a program is `dist/main.js`; to embed a server, use @corral/server. What a supervisor may want to know: */
export { ExitCode } from "./exit-code.ts";
