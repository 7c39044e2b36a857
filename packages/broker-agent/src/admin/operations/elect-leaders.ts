/** Elections that somebody asks for: back to the preferred replicas, or an unclean one where nobody in sync lives. KIP-460. */
import { electLeader } from "../../partition/election.ts";
import { recordAt } from "../arguments.ts";
import type { AdminOperation } from "../operation.ts";
import { Refused } from "../refusal.ts";
import { standingOf } from "../../controller/standing.ts";
import { decideEach, partitionsAt } from "./partition-items.ts";

export const electLeaders: AdminOperation = {
  name: "electLeaders",
  decide(term, args) {
    const { kind } = recordAt(args, "args");
    if (kind !== "preferred" && kind !== "unclean") {
      throw new Refused("INVALID_REQUEST", `kind is ${JSON.stringify(kind)}, not 'preferred' or 'unclean'`);
    }
    const items = partitionsAt(args, (item) => item);
    return decideEach(term, items, (view) => {
      const { live, leaving } = standingOf(term.image, view, view.state.replicas);
      const election = electLeader(view.state, kind, live, leaving);
      switch (election.outcome) {
        case "elected":
          return election.state;
        case "unchanged":
          throw new Refused("ELECTION_NOT_NEEDED", `broker ${view.state.leader} leads already`);
        case "none":
          throw new Refused(
            kind === "preferred" ? "PREFERRED_LEADER_NOT_AVAILABLE" : "ELIGIBLE_LEADERS_NOT_AVAILABLE",
            election.why,
          );
      }
    });
  },
};
