/** Waiting until an image shows something. */
import type { CorralError, Deadline } from "@corral/client";
import type { ClusterImage } from "../image/cluster-image.ts";

/** Asked now and after each transaction. Rejects with `TIMEOUT` or `ABORTED`, or with why the image is over. */
export async function until(image: ClusterImage, deadline: Deadline, holds: () => boolean): Promise<void> {
  if (holds()) return;
  let stop = (): void => {};
  const shown = new Promise<void>((resolve, reject) => {
    const over = (): void => {
      reject(image.signal.reason as CorralError);
    };
    const unlisten = image.on(() => {
      if (holds()) resolve();
    });
    image.signal.addEventListener("abort", over);
    stop = () => {
      unlisten();
      image.signal.removeEventListener("abort", over);
    };
  });
  try {
    await deadline.race(shown);
  } finally {
    stop();
  }
}
