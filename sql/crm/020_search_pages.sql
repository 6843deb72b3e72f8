-- Continues a search's page as the page before was made. Whether better tiers count as the next was decided
-- anew for each page, by how much it has to find and by a sample that changes: contacts could be left out
-- between two pages, or come again. So a page says which tiers it took for one, and the next one is told.
-- The function without `after_first` stays for the version before this one.

-- The best contacts among those that fit a filter (see crm.contact_conditions) and answer to the query
-- `wanted`, but not to `beneath`. `tiers` say how good: the first that a contact answers to counts,
-- and of equals the newest is first. `terms`, if there are any, are queries that must all be answered, so that
-- it suffices to look up some of them.
--
-- What comes out with a hit is as which tier it counts, and the first of those that count so. `after_*` are
-- these of the last hit of the page before; without an `after_id` the page begins with `after_tier`.
--
-- A function of the owner's, because `@@` is not leakproof: under the table's policy the planner would
-- read every row of the tenant instead of the index. So the tenant is named in here, only ids and
-- tiers come out, and the caller joins them to the table under its policy.
--
-- What is common is found soonest by going back from the newest contact until a page is full; what is
-- rare, by the index; and what is rare only because of the filter, among those that fit it. Which it is
-- a sample tells, and what each way costs: the newest contacts, and as many of the oldest, because what came
-- last, in one import, may be like nothing else. So no query, be it a single letter, reads all that it finds.
-- The statements are made of the words that stand here, of crm.contact_conditions and of numbers.
create function crm.search_contacts(
  filter jsonb, wanted tsquery, terms tsquery[], tiers tsquery[], beneath tsquery,
  after_first integer, after_tier integer, after_id uuid, most integer
) returns table (contact_id uuid, first_tier integer, tier integer)
  language plpgsql stable rows 25 security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
  -- Else what many hits are remembered by is pages, in which each contact's words are made anew: seconds.
  set work_mem = '64MB'
as $$
declare
  tenant constant uuid := identity.current_tenant();
  -- Fewer of a long query, which takes longer to hold against a contact.
  half constant integer := greatest(200, least(500, 7500 / greatest(numnode(wanted), 1)));
  sampled constant integer := 2 * half;
  -- Tiers of which the sample has no answers are looked up together with the next that has fewer.
  common constant integer := greatest(2, sampled / 300);
  -- Microseconds, as measured: to hold a query against the next contact on the way back; to fetch a hit of
  -- the index, and to hold the tiers against it; to read an entry of the index; and, for each node of the
  -- query that is looked up, to find that an entry is a hit.
  step_cost float8 := crm.step_cost(wanted);
  hit_cost constant float8 := 4 + 0.01 * (select sum(numnode(query)) from unnest(tiers) query);
  entry_cost constant float8 := 0.2;
  node_cost constant float8 := 0.025;
  -- Where a walk ends if the sample has misled.
  walked constant integer := 15000;
  last constant integer := cardinality(tiers);
  conditions constant text := crm.filter_conditions(filter);
  -- A subquery, whose value the planner does not know: of a tenant that it has not heard of it would sort all
  -- contacts, thinking that there are none, instead of going back from the newest.
  there constant text := 'c.tenant_id = (select identity.current_tenant()) and c.deleted_at is null';
  better_than text := 'c.search @@ $2 and (c.search @@ $4) is not true';
  -- As which each tier counts.
  counts_as integer[] := array(
    select case when n between after_first and after_tier then after_tier else n end
    from generate_series(1, last) n);
  tier_cases text[] := array(
    select format('when c.search @@ $3[%s] then %s', n, counts_as[n]) from generate_series(1, last) n);
  tier_of text := format('case %s end', array_to_string(tier_cases, ' '));
  answers integer[] := array_fill(0, array[last]);
  fitting_answers integer[] := answers;
  term_answers integer[] := array_fill(0, array[coalesce(cardinality(terms), 0)]);
  seen integer := 0;
  fitting integer := 0;
  first integer := after_tier;
  upto integer;
  expected integer;
  by_filter boolean;
  dear boolean;
  share float8;
  of_term float8;
  of_tiers float8;
  -- Of the tenant's contacts, the entries of all terms, whether or not some can be skipped; and those that are
  -- read of the terms that are looked up.
  all_entries float8 := 0;
  skipped_entries float8 := 0;
  entries float8 := 0;
  looked_up_terms integer := 0;
  contacts float8;
  steps float8;
  walking boolean;
  missing integer;
  cost float8;
  previous uuid;
  found_by tsquery;
  query tsquery;
  looked_up tsquery;
  row record;
begin
  for row in execute format(
      'select tier, fits, count(*)::integer as seen, array[%4$s]::bigint[] as terms
       from (select case when %5$s then %6$s end as tier, c.fits, c.search
             from ((select c.search, (%1$s) is true as fits from crm.contacts c
                    where %2$s order by c.contact_id desc limit %3$s)
                   union all
                   (select c.search, (%1$s) is true from crm.contacts c
                    where %2$s and c.contact_id < (
                      select c.contact_id from crm.contacts c
                      where %2$s order by c.contact_id desc offset %3$s - 1 limit 1)
                    order by c.contact_id limit %3$s)) c
             offset 0) sample
       group by tier, fits',
      conditions, there, half,
      (select string_agg(format('count(*) filter (where search @@ $5[%s])', n), ', ')
       from generate_series(1, cardinality(terms)) n),
      better_than, tier_of)
    using filter, wanted, tiers, beneath, terms
  loop
    seen := seen + row.seen;
    fitting := fitting + case when row.fits then row.seen else 0 end;
    for n in 1 .. cardinality(term_answers) loop
      term_answers[n] := term_answers[n] + row.terms[n];
    end loop;
    if row.tier is not null then
      answers[row.tier] := answers[row.tier] + row.seen;
      fitting_answers[row.tier] := fitting_answers[row.tier] + case when row.fits then row.seen else 0 end;
    end if;
  end loop;

  if seen = 0 then return; end if;
  contacts := case
    when seen < sampled then seen
    else (
      select greatest(seen, reltuples * coalesce(
        most_common_freqs[array_position(most_common_vals::text::uuid[], tenant)],
        1 / case when n_distinct > 0 then n_distinct else -n_distinct * reltuples end))
      from pg_class left join pg_stats
        on schemaname = 'crm' and tablename = 'contacts' and attname = 'tenant_id' and n_distinct <> 0
      where oid = 'crm.contacts'::regclass) end;

  -- The rarest term is looked up, and others as long as that takes no longer than to hold what is found
  -- without them against them.
  for row in
    select of_terms.answers::float8 / seen as share, of_terms.n
    from unnest(term_answers) with ordinality of_terms (answers, n) order by of_terms.answers
  loop
    -- Of a single word the index is read only where the rarer ones are; to get there costs as much as three
    -- entries.
    of_term := least(row.share, case when crm.tenant_query(tenant, terms[row.n])::text !~ '[|:]' then 3 * share end);
    all_entries := all_entries + row.share;
    skipped_entries := skipped_entries + of_term;
    if found_by is null or of_term * entry_cost < share * (1 - row.share) * hit_cost then
      found_by := coalesce(found_by && terms[row.n], terms[row.n]);
      -- Words are not independent, those of one name come together: so each further one counts less.
      looked_up_terms := looked_up_terms + 1;
      share := coalesce(share, 1) * greatest(row.share, 0.5 / seen) ^ (0.5 ^ (looked_up_terms - 1));
      entries := entries + of_term;
    end if;
  end loop;
  if found_by is not null then
    share := greatest(share, (select sum(n) from unnest(answers) n)::float8 / seen);
  end if;
  -- To look up several common words takes long: then rather a page of good answers soon.
  cost := (entries * entry_cost + share * (hit_cost + node_cost * numnode(found_by))) * contacts;
  -- It did for the page before, if that took tiers for one.
  dear := coalesce(after_first < after_tier or cost > 50000 and cost / 2 > step_cost * most * seen
    / greatest((select sum(n) from unnest(fitting_answers) n) - 1, 0.5), false);

  if dear then
    -- Better tiers, of which the sample has next to none, count as the next that it has some of. What the page
    -- before has ended in stays as it was.
    upto := first + case when after_id is null then 0 else 1 end;
    expected := 0;
    for n in upto .. last loop
      expected := expected + fitting_answers[n];
      continue when expected <= 3 and n < last;
      counts_as[upto:n] := array_fill(n, array[n - upto + 1]);
      upto := n + 1;
      expected := 0;
    end loop;
    tier_cases := array(
      select format('when c.search @@ $3[%s] then %s', n, counts_as[n]) from generate_series(1, last) n);
    tier_of := format('case %s end', array_to_string(tier_cases, ' '));
  end if;

  while first <= last and most > 0 loop
    first := counts_as[first];
    upto := first;
    previous := case when first = after_tier then after_id end;
    cost := coalesce(share, answers[first]::float8 / seen) * contacts * hit_cost;
    -- The tier itself comes first: few answer to it, and only against those the better ones are held.
    if not dear then
      better_than := format('c.search @@ $3[%s] and (c.search @@ $4) is not true', first);
      step_cost := crm.step_cost(tiers[first]);
    end if;
    -- One answer less, since the sample may have been lucky. If it was, the walk ends before it has cost more
    -- than half of what the index would; unless what it has found says that it is soon done.
    steps := most * seen / greatest(fitting_answers[first] - 1, 0.5);
    walking := dear or fitting_answers[first] > 0 and steps * step_cost < cost;
    while walking and most > 0 loop
      steps := case when dear then walked else least(walked, cost / 2 / step_cost) end;
      missing := most;
      for row in execute format(
          'select c.contact_id
           from (select c.contact_id, c.search, (%s) is true as fits from crm.contacts c
                 where %s and ($5 is null or c.contact_id < $5)
                 order by c.contact_id desc limit %s) c
           where c.fits and %s and (%s) = %s limit $6',
          conditions, there, steps::integer, better_than, tier_of, first)
        using filter, wanted, tiers, beneath, previous, most
      loop
        contact_id := row.contact_id;
        first_tier := array_position(counts_as, first);
        tier := first;
        previous := row.contact_id;
        most := most - 1;
        return next;
      end loop;
      steps := steps * most / nullif(missing - most, 0);
      walking := coalesce(steps * step_cost < cost / 2, false);
    end loop;
    if most > 0 then
      query := tiers[first];
      expected := answers[first];
      if fitting_answers[first] < common and not dear then
        while upto < last and expected = 0 and fitting_answers[upto + 1] < common
          and answers[upto + 1] < 2 * common
        loop
          upto := upto + 1;
          query := query || tiers[upto];
          expected := expected + answers[upto];
        end loop;
      end if;
      -- The tiers have all the terms, so fewer hits, but take entries each of its own, and are longer. Of
      -- what only begins all entries are read.
      of_tiers := (upto - first + 1)
        * case when crm.tenant_query(tenant, query)::text ~ ':' then all_entries else skipped_entries end;
      looked_up := case when found_by is null
                          or not dear and (of_tiers - entries) * entry_cost
                            + (expected + 0.5)::float8 / seen * (hit_cost + node_cost * numnode(query))
                            < share * (hit_cost + node_cost * numnode(found_by))
                        then query else found_by end;
      -- All hits of the terms are looked at, so let them fill the page at once.
      if looked_up = found_by then upto := last; end if;
      by_filter := expected > greatest(fitting, common);
      for row in execute format(
          'select contact_id, tier from (
             select c.contact_id, case when c.fits and %6$s then %2$s end as tier
             from (select c.contact_id, c.search, (%1$s) is true as fits from crm.contacts c
                   where %3$s offset 0) c
             offset 0
           ) hits
           where tier between %4$s and %5$s and ($5 is null or tier > %4$s or contact_id < $5)
           order by tier, contact_id desc limit $6',
          conditions,
          -- What is found by the tiers themselves, and is in none of the better ones, is in the last.
          case when by_filter or looked_up = found_by
                 then format('case %s end', array_to_string(tier_cases[:upto], ' '))
               when upto = 1 then '1'
               else format('case %s else %s end', array_to_string(tier_cases[:upto - 1], ' '), upto) end,
          -- The subquery keeps the planner from guessing at a long query, and reading all rows instead.
          case when by_filter then crm.contact_conditions(filter)
               -- `is true` keeps it from an index by tenant, to which one that it has not heard of is empty.
               else '(c.tenant_id = (select identity.current_tenant())) is true and c.deleted_at is null
                     and crm.tenant_words(c.tenant_id, c.search) @@ (select $7)' end,
          first,
          upto,
          -- Not all that have the terms that were looked up have the others; all that a tier finds is wanted.
          case when looked_up = found_by then 'c.search @@ $2 and ' else '' end || '(c.search @@ $4) is not true')
        using filter, wanted, tiers, beneath, previous, most,
          crm.tenant_query(tenant, looked_up)
      loop
        contact_id := row.contact_id;
        first_tier := array_position(counts_as, row.tier);
        tier := row.tier;
        most := most - 1;
        return next;
      end loop;
    end if;
    first := upto + 1;
  end loop;
end
$$;
revoke all on function crm.search_contacts(
  jsonb, tsquery, tsquery[], tsquery[], tsquery, integer, integer, uuid, integer) from public;
grant execute on function crm.search_contacts(
  jsonb, tsquery, tsquery[], tsquery[], tsquery, integer, integer, uuid, integer) to crm_app;
