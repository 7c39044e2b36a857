/** Every command, in the order of the help. */
import type { Command } from "./command.ts";
import { create } from "./commands/create.ts";
import { remove } from "./commands/delete.ts";
import { get } from "./commands/get.ts";
import { ls } from "./commands/ls.ts";
import { set } from "./commands/set.ts";
import { stat } from "./commands/stat.ts";
import { status } from "./commands/status.ts";
import { tree } from "./commands/tree.ts";
import { watch } from "./commands/watch.ts";

export const COMMANDS: readonly Command[] = [ls, tree, stat, get, set, create, remove, watch, status];
