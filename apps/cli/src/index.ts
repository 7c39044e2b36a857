/** corral as a program is `dist/main.js`; a program of your own uses @corral/client. What a script may want to know: */
export { ExitCode } from "./exit-code.ts";
