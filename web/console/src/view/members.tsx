import { Fragment } from "preact";
import { texts } from "../i18n/index.ts";
import { count, momentTime } from "../i18n/time.ts";
import { ranges, type Cluster, type Colours, type Member } from "../model/cluster.ts";

interface MembersProps {
  cluster: Cluster;
  colours: Colours;
  /** The id of the node whose shards are shown apart. */
  chosen: string | undefined;
  choose: (id: string | undefined) => void;
}

/** The nodes, one a row; a chosen one with all there is to know of it. */
export function Members({ cluster, colours, chosen, choose }: MembersProps) {
  const t = texts.value.cluster;
  return (
    <div class="members-frame">
      <table class="members" data-testid="members">
        <thead>
          <tr>
            <th scope="col">{t.node}</th>
            <th scope="col" class="number">{t.shards}</th>
            <th scope="col" class="number">{t.sessions}</th>
            <th scope="col" class="number" title={t.lagHint}>{t.lag}</th>
            <th scope="col" class="only-wide">{t.address}</th>
            <th scope="col" class="only-wide">{t.since}</th>
          </tr>
        </thead>
        <tbody>
          {cluster.members.map((member) => (
            <Fragment key={member.id}>
              <MemberRow member={member} colour={colours.of(member.name)} here={member.id === cluster.node}
                on={member.id === chosen} toggle={() => choose(member.id === chosen ? undefined : member.id)} />
              {member.id === chosen && <MemberDetails member={member} />}
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface MemberRowProps {
  member: Member;
  colour: number;
  here: boolean;
  on: boolean;
  toggle: () => void;
}

function MemberRow({ member, colour, here, on, toggle }: MemberRowProps) {
  const t = texts.value.cluster;
  const known = (value: number) => (member.reachable ? count(value) : "–");
  return (
    <tr data-testid="member" data-name={member.name} data-shards={member.shards.length} data-reachable={member.reachable} data-on={on}>
      <th scope="row">
        <button type="button" class="member-name" aria-expanded={on} onClick={toggle}>
          <i class="swatch" data-colour={colour} aria-hidden="true" />
          <span>{member.name}</span>
          {here && <small title={t.hereHint} data-testid="member-here">{t.here}</small>}
          {!member.reachable && <small class="bad">{t.silent}</small>}
        </button>
      </th>
      <td class="number">{count(member.shards.length)}</td>
      <td class="number">{known(member.sessions)}</td>
      <td class="number">{known(member.lag)}</td>
      <td class="only-wide mono">{member.address}</td>
      <td class="only-wide">{since(member)}</td>
    </tr>
  );
}

function MemberDetails({ member }: { member: Member }) {
  const t = texts.value.cluster;
  const facts: [string, string][] = [
    [t.shards, ranges(member.shards) || t.none],
    [t.id, member.id],
    [t.address, member.address],
    [t.url, member.url || t.none],
    [t.since, since(member)],
    [t.generation, count(member.generation)],
  ];
  return (
    <tr class="member-details" data-testid="member-details">
      <td colSpan={6}>
        <dl class="facts">
          {facts.map(([name, value]) => <Fragment key={name}><dt>{name}</dt><dd>{value}</dd></Fragment>)}
        </dl>
      </td>
    </tr>
  );
}

function since({ since }: Member): string {
  return Number.isNaN(since) ? "" : momentTime(since);
}
