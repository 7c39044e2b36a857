/**
 * A directory with its parents. Not Node's recursive `mkdir`: where a parent exists and the system still says that there is none, as
 * in /proc, that one tries again for ever.
 */
import fs from "node:fs/promises";
import path from "node:path";

/** Resolves with the directories made, the outermost first. Rejects with the system's error, for example `ENOTDIR` below a file. */
export async function makeDirectory(directory: string): Promise<string[]> {
  const wanted = path.resolve(directory);
  if (await madeOne(wanted, false)) return [wanted];
  if (await isDirectory(wanted)) return [];
  const made = await makeDirectory(path.dirname(wanted));
  await madeOne(wanted, true);
  return [...made, wanted];
}

/** False if it exists, or, unless `hasParent`, if its parent is missing. */
async function madeOne(directory: string, hasParent: boolean): Promise<boolean> {
  try {
    await fs.mkdir(directory);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && (await isDirectory(directory))) return false;
    if (code === "ENOENT" && !hasParent && directory !== path.dirname(directory)) return false;
    throw error;
  }
}

async function isDirectory(at: string): Promise<boolean> {
  try {
    return (await fs.stat(at)).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
