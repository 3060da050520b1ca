-- The three roles of syncd, to be run once by a superuser or the owner of the database after `syncd migrate`:
--     psql -v ON_ERROR_STOP=1 -f roles.sql
-- Give logins to them: grant syncd_daemon to my_daemon_login, and so on. A login does not inherit the settings at the
-- end: repeat them for it, and those of the log for the CRM's login too.
--   syncd_migrator  owns the schema and changes it          (`syncd migrate`)
--   syncd_daemon    reads and writes syncd's tables         (`syncd run`, the console, the command line)
--   syncd_crm       puts rows into the outbox, nothing else (the CRM)

do $$
begin
  if not exists (select from pg_roles where rolname = 'syncd_migrator') then create role syncd_migrator nologin; end if;
  if not exists (select from pg_roles where rolname = 'syncd_daemon') then create role syncd_daemon nologin; end if;
  if not exists (select from pg_roles where rolname = 'syncd_crm') then create role syncd_crm nologin; end if;
end
$$;

do $$
declare
  thing record;
begin
  alter schema syncd owner to syncd_migrator;
  for thing in select tablename from pg_tables where schemaname = 'syncd' loop
    execute format('alter table syncd.%I owner to syncd_migrator', thing.tablename);
  end loop;
  for thing in
    select p.oid::regprocedure as signature from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'syncd'
  loop
    execute format('alter function %s owner to syncd_migrator', thing.signature);
  end loop;
  execute format('grant temporary on database %I to syncd_daemon', current_database());  -- a reconcile compares in those
end
$$;

revoke all on schema syncd from public;
grant usage on schema syncd to syncd_daemon, syncd_crm;

grant select, insert, update, delete on all tables in schema syncd to syncd_daemon;
grant usage, select on all sequences in schema syncd to syncd_daemon;
revoke insert, update, delete on syncd.alembic_version, syncd.schema_state from syncd_daemon;
grant execute on function syncd.slot(text, text, jsonb), syncd.enqueue(text, text, jsonb, text), syncd.enqueue_many(jsonb)
  to syncd_daemon;
alter default privileges for role syncd_migrator in schema syncd
  grant select, insert, update, delete on tables to syncd_daemon;
alter default privileges for role syncd_migrator in schema syncd grant usage, select on sequences to syncd_daemon;

grant insert (segment_key, action, subject_id, payload) on syncd.outbox to syncd_crm;
grant execute on function syncd.enqueue(text, text, jsonb, text), syncd.enqueue_many(jsonb) to syncd_crm;

-- The daemon's sessions end by themselves when they hang, and never log a person's data.
alter role syncd_daemon set idle_in_transaction_session_timeout = '10s';
alter role syncd_daemon set lock_timeout = '10s';
alter role syncd_daemon set log_parameter_max_length = 0;
alter role syncd_daemon set log_parameter_max_length_on_error = 0;
alter role syncd_daemon set log_error_verbosity = terse;  -- no DETAIL, which quotes the row that was refused
grant pg_read_all_stats to syncd_daemon;
