/** A member's part in leading its group: stands in the election for as long as it is a member, and leads when it is its turn. */
import { type Client, isCorralError } from "@corral/client";
import { election } from "@corral/recipes";
import { pause } from "@corral/recipes/authoring";
import { GIVE_WAY_MS, GroupLeader } from "./leader/leader.ts";
import type { Settings } from "./options.ts";

export class Candidacy {
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #leader: GroupLeader | undefined;

  constructor(client: Client, settings: Settings, member: string) {
    this.#running = this.#run(client, settings, member);
    // Told by `running`.
    this.#running.catch(() => undefined);
  }

  get isLeader(): boolean {
    return this.#leader !== undefined;
  }

  /** Rejects when the election is over for good, which only the end of the client or its rights can bring about. */
  get running(): Promise<void> {
    return this.#running;
  }

  /** One term after the other. What the server has no room for now it may have later: without a candidate, nobody may be left to lead. */
  async #run(client: Client, settings: Settings, member: string): Promise<void> {
    const { signal } = this.#stop;
    const deadline = client.deadline("group leader", { signal, timeoutMs: Infinity });
    for (let tries = 1; ; tries++) {
      try {
        return await this.#campaign(client, settings, member);
      } catch (error) {
        if (signal.aborted || !isCorralError(error, "LIMIT_EXCEEDED")) throw error;
        settings.onLeaderError(error);
      }
      // Aborted, the next campaign does not begin.
      await pause(client, deadline, tries).catch(() => undefined);
    }
  }

  async #campaign(client: Client, settings: Settings, member: string): Promise<void> {
    await election(client, settings.paths.leader, { identity: member }).run(
      async (leadership, signal) => {
        try {
          const leader = await GroupLeader.begin(client, settings, leadership, signal);
          this.#leader = leader;
          if ((await leader.run()) === "stopped") return;
        } catch (error) {
          if (signal.aborted) throw error;
          settings.onLeaderError(error);
        } finally {
          this.#leader = undefined;
        }
        // Another may be able to.
        await client.deadline("group leader", { signal, timeoutMs: Infinity }).pause(GIVE_WAY_MS);
      },
      { again: true, signal: this.#stop.signal },
    );
  }

  /** The last member tells that nobody is left, before it gives up the lead. */
  async conclude(): Promise<void> {
    await this.#leader?.conclude();
  }

  /** Resolves when it stands no more. Why it had come to an end before is told by `running`. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running.catch(() => undefined);
  }
}
