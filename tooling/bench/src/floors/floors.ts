/** The floors: what the disk, the sockets and the codec of this machine take by themselves. All that is fast stays above. */
import type { Lab } from "../run/lab.ts";
import { codecFloors } from "./codec.ts";
import { diskFloors } from "./disk.ts";
import { echoFloors } from "./echo.ts";

export async function floors(lab: Lab): Promise<void> {
  lab.say("floors: disk, socket, codec");
  const ms = lab.scale.floorMs;
  const directory = lab.freshDirectory("floors");
  const parts = [() => diskFloors(directory, ms), () => echoFloors(ms), () => Promise.resolve(codecFloors(ms))];
  for (const part of parts) {
    await lab.attempt("floors", "floors", async () => {
      for (const floor of await part()) {
        lab.results.floors.push(floor);
        lab.say(`  ${floor.name}: ${Math.round(floor.operations / floor.seconds)}/s`);
      }
    });
  }
  lab.drop(directory);
}
