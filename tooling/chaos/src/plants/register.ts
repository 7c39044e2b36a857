/** Loaded before corrald: what it imports goes through hooks.ts from now on. */
import { register } from "node:module";

register("./hooks.js", import.meta.url, { data: JSON.parse(process.env["CORRAL_PLANT"]!) as unknown });
