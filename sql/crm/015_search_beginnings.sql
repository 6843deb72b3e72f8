-- Looks fewer things up to find a contact: each word once, not once for each place that it may be in, and what
-- many words begin with as one. Of one million contacts, two words took 26 ms in the index, or 80 if one was
-- only begun; now it takes 4. (To write a million contacts anew, and their indexes, takes some four minutes.)

drop index crm.contacts_search;
alter table crm.contacts drop column search;
drop function crm.contact_words(text, text, text, text, text, text[], text, text, text);
drop function crm.marked(text, text);
drop function crm.marked_initials(text, text);
drop function crm.plain_words(text);

-- A text with nothing but spaces between its words, in the forms that one compares: compatibility
-- characters (full width, ligatures) as their plain ones, Arabic without vowel marks and with one alef.
-- Punctuation separates, and so does the border of letters and digits: nobody remembers whether it was
-- `Studio54` or `Studio 54`. Characters without width are separators too, combining marks are not:
-- half the words of Hindi would fall apart. Runs of Chinese, Japanese and Korean stand by themselves.
create or replace function crm.words_apart(content text) returns text
  language plpgsql immutable strict parallel safe
as $$
begin
  if octet_length(content) <> char_length(content) then
    content := normalize(content, NFKC);
    if content ~ '[\u03C2\u0600-\u06FF]' then
      content := regexp_replace(translate(content, U&'\0623\0625\0622\0649\0629\03C2',
        U&'\0627\0627\0627\064A\0647\03C3'), '[\u0640\u064B-\u065F\u0670]+', '', 'g');
    end if;
    content := regexp_replace(content, '(' || crm.spaceless() || '+)', ' \1 ', 'g');
    content := regexp_replace(content,
      '[\u0001-/:-@\[-`{-\u00A9\u00AB-\u00B1\u00B4\u00B6-\u00B8\u00BB\u00BF\u00D7\u00F7\u02C2-\u02DF\u055A-\u055F\u0589-\u058A\u05BE\u05C0\u05C3\u05F3-\u05F4\u060C\u061B-\u061F\u066A-\u066D\u06D4\u0964-\u0965\u0970\u2000-\u2BFF\u2E00-\u2E7F\u3000-\u3004\u3008-\u3020\u3030\u303D\u30FB\uFD3E-\uFD3F\uFE00-\uFE6F\uFEFF\uFFFC-\uFFFD\U0001F000-\U0001FAFF\U000E0000-\U000E0FFF]+',
      ' ', 'g');
  elsif content !~ '[^a-zA-Z ]' then
    return content;
  else
    content := regexp_replace(content, '[^a-zA-Z0-9]+', ' ', 'g');
  end if;
  if content ~ '[0-9]' then
    content := regexp_replace(content, '([0-9])([^0-9 ])', '\1 \2', 'g');
    content := regexp_replace(content, '([^0-9 ])([0-9])', '\1 \2', 'g');
  end if;
  return btrim(content);
end
$$;

-- The words of a field as they are kept, whole: lower-cased and without accents. Words with an
-- apostrophe, a hyphen or a full stop inside count as one word, too: O'Brien, Jean-Luc, S.A.
create or replace function crm.field_words(content text) returns text
  language plpgsql immutable strict parallel safe
as $$
begin
  if content !~ '[^a-zA-Z ]' then
    return content;
  elsif content ~ '[''.\u2019\u02BC`\u00B4-]' then
    content := content || ' ' || regexp_replace(content, '[''.\u2019\u02BC`\u00B4-]', '', 'g');
  end if;
  return crm.words_apart(content);
end
$$;

-- The words of a text in which they stand apart, each once, as they are kept.
create function crm.kept_words(words text) returns text[]
  language plpgsql immutable strict parallel safe
as $$
begin
  return tsvector_to_array(to_tsvector('crm.names', crm.with_pieces(words)));
end
$$;

-- What is kept of a contact for the search. Before each word stands a letter that says where it is, or
-- better: n in names, c there or in company or e-mail, o anywhere. So each is looked up as one word, and the
-- index finds names alone. Besides them, e and the whole e-mail address, p and the digits of the phone from
-- its end. Without positions.
create function crm.contact_words(
  first_name text, last_name text, company text, email text,
  title text, tags text[], phone text, phone_e164 text, city text
) returns tsvector
  language plpgsql immutable parallel safe
as $$
declare
  -- How a name without spaces is written: the family's first.
  together constant text := case when last_name ~ crm.spaceless() then last_name || first_name end;
  names constant text[] := crm.kept_words(crm.field_words(concat_ws(' ', first_name, last_name, together)));
  companies constant text[] := names
    || crm.kept_words(concat_ws(' ', crm.field_words(company), crm.words_apart(email)));
  all_words constant text[] := companies
    || crm.kept_words(crm.words_apart(concat_ws(' ', title, array_to_string(tags, ' '), phone, city)));
begin
  return array_to_tsvector(array_remove(
    array(
      select 'n' || word from unnest(names) word
      union all select 'c' || word from unnest(companies) word
      union all select 'o' || word from unnest(all_words) word)
    || array['e' || email, 'p' || crm.digits_from_end(coalesce(phone_e164, phone))], null));
end
$$;

alter table crm.contacts add column search tsvector not null generated always as (
  crm.contact_words(first_name, last_name, company, email, title, tags, phone, phone_e164, address_city)
) stored;
comment on column crm.contacts.search is 'See crm.contact_words.';

-- A contact's words as the index has them: behind the end of the tenant's id (see crm.tenant_mark), and with
-- an asterisk also what they begin with, up to three letters. To look up what many words begin with,
-- PostgreSQL reads all entries of all of them, however rare the other words are that are looked up with it.
-- (PL/pgSQL takes half the time that an SQL function takes here.)
create or replace function crm.tenant_words(tenant uuid, words tsvector) returns tsvector
  language plpgsql immutable strict parallel safe cost 1000000
as $$
declare
  mark constant text := crm.tenant_mark(tenant);
  list constant text[] := tsvector_to_array(words);
begin
  return array_to_tsvector(array(
    select mark || word from unnest(list) word
    union all
    select mark || left(word, 1 + letters) || '*'
    from unnest(list) word, generate_series(1, 3) letters
    where word ~ '^o[^0-9]' and char_length(word) > letters));
end
$$;

-- A query for them. In its text each word stands in quotes, and quotes in a word are doubled; there are none
-- in those that begin with o.
create or replace function crm.tenant_query(tenant uuid, query tsquery) returns tsquery
  language sql immutable strict parallel safe
  return regexp_replace(
    regexp_replace(query::text, $$(?<!')('o[^'0-9][^']{0,2})':\*$$, $$\1*'$$, 'g'),
    $$'((?:[^']|'')*)'$$, format($$'%s\1'$$, crm.tenant_mark(tenant)), 'g')::tsquery;

create index contacts_search on crm.contacts using gin (crm.tenant_words(tenant_id, search))
  with (fastupdate = off) where deleted_at is null;

-- Keeps crm.words up to date, once a statement, for as many contacts as it has written. Who writes
-- holds the tenant's words until the end of the transaction, together with all others who write, so
-- that crm.forget_words never takes away a word that somebody is about to use.
create or replace function crm.learn_words() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock_shared(crm.words_lock(tenant_id))
    from (select distinct tenant_id from written) as tenants;
  -- In order, so that of two who add the same words one waits for the other, and never both.
  insert into crm.words (tenant_id, word, near)
  select tenant_id, word, crm.deletions(tenant_id, word, 7)
  from (
    select distinct written.tenant_id, substr(lexeme, 2) as word
    from written, unnest(tsvector_to_array(written.search)) as lexeme
    where written.deleted_at is null
      and lexeme ~ '^o[^0-9]{3,40}$' and lexeme !~ crm.spaceless()
  ) as used
  where not exists (
    select from crm.words known where known.tenant_id = used.tenant_id and known.word = used.word)
  order by tenant_id, word
  on conflict do nothing;
  return null;
end
$$;

-- Takes words away that no contact has any more, of those after `after_word` at most `most`. Returns the
-- last one that it has looked at; null if it has come to the end, or if somebody was writing just then:
-- then again some other time.
create or replace function crm.forget_words(after_word text, most integer) returns text
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  tenant constant uuid := identity.current_tenant();
  last_word text;
begin
  if not pg_try_advisory_xact_lock(crm.words_lock(tenant)) then return null; end if;
  with looked_at as materialized (
    select w.word from crm.words w
    where w.tenant_id = tenant and w.word > coalesce(after_word, '')
    order by w.word limit most
  ), unused as (
    delete from crm.words w using looked_at
    where w.tenant_id = tenant and w.word = looked_at.word and not exists (
      select from crm.contacts c
      where (c.tenant_id = tenant) is true and c.deleted_at is null
        and crm.tenant_words(c.tenant_id, c.search) @@ crm.tenant_query(tenant, ('o' || w.word)::tsquery))
  )
  select max(word) into last_word from looked_at having count(*) = most;
  return last_word;
end
$$;

-- What crm.contact_conditions says but for the tenant.
create function crm.filter_conditions(filter jsonb) returns text
  language sql immutable parallel safe
  return concat_ws(' and ',
    case when filter ? 'deleted'
      then 'c.deleted_at is not null and c.merged_into is null' else 'c.deleted_at is null' end,
    case when filter ? 'ownedBy' then $$c.owner_user_id = ($1->>'ownedBy')::uuid$$ end,
    case when filter->>'ownerUserId' = 'none' then 'c.owner_user_id is null'
         when filter ? 'ownerUserId' then $$c.owner_user_id = ($1->>'ownerUserId')::uuid$$ end,
    case when filter ? 'tag' then $$c.tags @> crm.texts($1->'tag')$$ end,
    case when filter ? 'company' then
      $$crm.company_key(c.company, '') collate "C" = crm.company_key($1->>'company', '')
        and crm.folded(c.company) = crm.folded($1->>'company')$$ end,
    case when filter ? 'lifecycleStage'
      then $$c.lifecycle_stage = any (crm.texts($1->'lifecycleStage'))$$ end,
    case when filter ? 'source' then $$c.source = $1->>'source'$$ end,
    case when filter ? 'email' then $$c.email = $1->>'email'$$ end,
    case when filter ? 'phone' then $$c.phone_e164 = $1->>'phone'$$ end,
    case when filter ? 'country' then $$c.address_country = $1->>'country'$$ end,
    case when filter ? 'createdFrom' then $$c.created_at >= ($1->>'createdFrom')::timestamptz$$ end,
    case when filter ? 'createdTo' then $$c.created_at < ($1->>'createdTo')::timestamptz$$ end,
    case when filter ? 'updatedFrom' then $$c.updated_at >= ($1->>'updatedFrom')::timestamptz$$ end,
    case when filter ? 'updatedTo' then $$c.updated_at < ($1->>'updatedTo')::timestamptz$$ end,
    case when filter ? 'custom' then $$c.custom @> ($1->'custom')$$ end
  );

-- The filters of contacts, once for the list, the search and the export: the conditions of a WHERE on
-- crm.contacts c, to be run with the filter itself as $1, by a function of the owner's. They are made
-- of nothing but the words that stand here: whatever a client sent is read out of $1 when they run.
-- They say whose contacts (the session's tenant's; those of `ownedBy`), too, and whether deleted ones.
create or replace function crm.contact_conditions(filter jsonb) returns text
  language sql immutable parallel safe
  return 'c.tenant_id = identity.current_tenant() and ' || crm.filter_conditions(filter);

-- The best contacts among those that fit a filter (see crm.contact_conditions) and answer to the query
-- `wanted`, but not to `beneath`. `tiers` say how good: the first that a contact answers to counts,
-- and of equals the newest is first. `after_*` continue a page. `terms`, if there are any, are queries
-- that must all be answered, so that it suffices to look up some of them.
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
create or replace function crm.search_contacts(
  filter jsonb, wanted tsquery, terms tsquery[], tiers tsquery[], beneath tsquery,
  after_tier integer, after_id uuid, most integer
) returns table (contact_id uuid, tier integer)
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
  step_cost float8 := 0.75 + 0.055 * numnode(wanted);
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
  counts_as integer[] := array(select generate_series(1, last));
  tier_cases text[] := array(
    select format('when c.search @@ $3[%s] then %s', n, n) from generate_series(1, last) n);
  tier_of text := format('case %s end', array_to_string(tier_cases, ' '));
  answers integer[] := array_fill(0, array[last]);
  fitting_answers integer[] := answers;
  term_answers integer[] := array_fill(0, array[coalesce(cardinality(terms), 0)]);
  seen integer := 0;
  fitting integer := 0;
  first integer := coalesce(after_tier, 1);
  upto integer;
  expected integer;
  by_filter boolean;
  dear boolean;
  share float8;
  of_term float8;
  of_tiers float8;
  -- Of the tenant's contacts, the entries of all terms, and those that are read.
  all_entries float8 := 0;
  entries float8 := 0;
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
      'with newest as materialized (
         select c.contact_id, c.search, (%1$s) is true as fits from crm.contacts c
         where %2$s order by c.contact_id desc limit %3$s
       ), oldest as (
         select c.contact_id, c.search, (%1$s) is true as fits from crm.contacts c
         where %2$s and c.contact_id < (select contact_id from newest order by contact_id limit 1)
         order by c.contact_id limit %3$s
       )
       select tier, fits, count(*)::integer as seen, array[%4$s]::bigint[] as terms
       from (select case when %5$s then %6$s end as tier, c.fits, c.search
             from (select * from newest union all select * from oldest) c
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
    if found_by is null or of_term * entry_cost < share * (1 - row.share) * hit_cost then
      found_by := coalesce(found_by && terms[row.n], terms[row.n]);
      share := coalesce(share, 1) * greatest(row.share, 0.5 / seen);
      entries := entries + of_term;
    end if;
  end loop;
  if found_by is not null then
    -- Words are not independent: those of one name come together.
    share := greatest(share, (select sum(n) from unnest(answers) n)::float8 / seen);
  end if;
  -- To look up several common words takes long: then rather a page of good answers soon.
  cost := (entries * entry_cost + share * (hit_cost + node_cost * numnode(found_by))) * contacts;
  dear := coalesce(cost > 50000 and cost / 2 > step_cost * most * seen
    / greatest((select sum(n) from unnest(fitting_answers) n) - 1, 0.5), false);

  if dear then
    -- Better tiers, of which the sample has next to none, count as the next that it has some of.
    upto := 1;
    expected := 0;
    for n in 1 .. last loop
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
      step_cost := 0.75 + 0.055 * numnode(tiers[first]);
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
      -- The tiers have all the terms, so fewer hits, but may take more entries, each its own, and are longer.
      of_tiers := case when crm.tenant_query(tenant, query)::text ~ '[|:]' then (upto - first + 1) * all_entries
                  else entries end;
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
        tier := row.tier;
        most := most - 1;
        return next;
      end loop;
    end if;
    first := upto + 1;
  end loop;
end
$$;
