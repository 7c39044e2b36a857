/** Defects of recipes: who waits for whom, who believes to hold, and what is left behind. */
import type { CastName } from "../../world/plan.ts";
import type { Mutant } from "../mutant.ts";

const RECIPES = "packages/recipes/dist";
const CASTS: readonly CastName[] = ["actors", "recipes"];

export const RECIPE_MUTANTS: readonly Mutant[] = [
  {
    name: "contender-left-behind",
    bug: "CURATOR-45",
    story: "Whoever gives up while its place is being made leaves the place: everybody behind it waits for nobody.",
    file: `${RECIPES}/hold/place.js`,
    find: "unseen(taking.then((place) => leavePlace(client, place)));",
    replace: "unseen(taking);",
    casts: CASTS,
  },
  {
    name: "end-of-session-not-heard",
    bug: "CURATOR-604",
    story: "Whoever holds is not told that its session is over, and goes on.",
    file: `${RECIPES}/hold/holding.js`,
    find: "const stopWaiting = whenOver(place.session, () => {\n            this.#sessionEnded();\n        });",
    replace: "const stopWaiting = () => { };",
    casts: CASTS,
  },
  {
    name: "waits-for-who-has-gone",
    bug: "CURATOR-527",
    story: "The one before goes between the list and the watch: its end is waited for, which nobody will tell.",
    file: `${RECIPES}/hold/turn.js`,
    find: "const next = client.nextEvent(of, { existing: true, signal: given.signal, timeoutMs: Infinity });",
    replace: "const next = client.nextEvent(of, { existing: false, signal: given.signal, timeoutMs: Infinity });",
    casts: CASTS,
  },
  {
    name: "reader-waits-for-a-later-writer",
    bug: "kazoo#649",
    story: "A reader waits for writers that stand behind it, and they wait for the reader.",
    file: `${RECIPES}/hold/turn.js`,
    find: "const blocker = blocks(contenders.slice(0, position));",
    replace: "const blocker = blocks(contenders.filter((_, i) => i !== position));",
    casts: CASTS,
  },
  {
    name: "writer-beside-readers",
    bug: "CURATOR-621",
    story: "A writer waits for writers only, and writes while others read.",
    file: `${RECIPES}/read-write-lock.js`,
    find: "const BLOCKS = { read: nearestWriter, write: nearest };",
    replace: "const BLOCKS = { read: nearestWriter, write: nearestWriter };",
    casts: CASTS,
  },
  {
    name: "release-gives-up",
    bug: "kazoo#429",
    story:
      "A release that is refused for the moment is not tried again: the holder thinks it is free, the queue does not.",
    file: `${RECIPES}/hold/let-go.js`,
    find: "if (!isCorralError(error) || !error.retryable)\n                throw error;",
    replace: 'if (isCorralError(error))\n                return "was-gone";',
    casts: CASTS,
  },
  {
    name: "one-permit-too-many",
    bug: "CURATOR-462",
    story: "Those that wait are not counted: more hold than there are permits.",
    file: `${RECIPES}/semaphore/waiters.js`,
    find: "const hasPermit = ({ leases, permits }, position) => leases + position < permits;",
    replace: "const hasPermit = ({ leases, permits }) => leases <= permits;",
    casts: CASTS,
  },
  {
    name: "turn-by-name",
    bug: "kazoo#606",
    story: "The queue is ordered by whole names, not by their numbers: who came later stands before.",
    file: `${RECIPES}/hold/turn.js`,
    find: "return inOrder(await client.children(queue, deadline.rest()));",
    replace:
      "return inOrder(await client.children(queue, deadline.rest())).sort((a, b) => (a.name < b.name ? -1 : 1));",
    casts: CASTS,
  },
];
