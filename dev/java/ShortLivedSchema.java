package org.apache.cassandra.schema;

import java.time.Duration;
import java.util.Collection;
import java.util.UUID;
import java.util.function.BiConsumer;

import org.apache.cassandra.db.Mutation;
import org.apache.cassandra.gms.ApplicationState;
import org.apache.cassandra.gms.Gossiper;
import org.apache.cassandra.schema.SchemaTransformation.SchemaTransformationResult;
import org.apache.cassandra.service.StorageService;
import org.apache.cassandra.utils.FBUtilities;
import org.apache.cassandra.utils.concurrent.Awaitable;

/**
 * The schema of a node without peers. Cassandra's own handler reads and hashes all of system_schema at each change, to
 * make a version that nodes compare; with hundreds of keyspaces that is half of a test server's work. A version that is
 * only new does for one node.
 */
public class ShortLivedSchema implements SchemaUpdateHandlerFactory, SchemaUpdateHandler
{
    private BiConsumer<SchemaTransformationResult, Boolean> callback;
    private DistributedSchema schema = DistributedSchema.EMPTY;

    @Override
    public SchemaUpdateHandler getSchemaUpdateHandler(
        boolean online, BiConsumer<SchemaTransformationResult, Boolean> callback)
    {
        this.callback = callback;
        return this;
    }

    @Override
    public synchronized void start()
    {
        SchemaKeyspace.saveSystemKeyspacesSchema();
        update(SchemaKeyspace.fetchNonSystemKeyspaces());
    }

    @Override
    public boolean waitUntilReady(Duration timeout)
    {
        return true;
    }

    @Override
    public synchronized SchemaTransformationResult apply(SchemaTransformation transformation, boolean local)
    {
        Keyspaces before = schema.getKeyspaces();
        Keyspaces after = transformation.apply(before);
        Keyspaces.KeyspacesDiff diff = Keyspaces.diff(before, after);
        if (diff.isEmpty())
            return new SchemaTransformationResult(schema, schema, diff);
        Collection<Mutation> mutations = SchemaKeyspace.convertSchemaDiffToMutations(
            diff, transformation.fixedTimestampMicros().orElseGet(FBUtilities::timestampMicros));
        SchemaKeyspace.applyChanges(mutations);
        return update(after);
    }

    @Override
    public synchronized void reset(boolean local)
    {
        start();
    }

    @Override
    public Awaitable clear()
    {
        throw new UnsupportedOperationException("there is no peer to fetch a schema from");
    }

    private SchemaTransformationResult update(Keyspaces keyspaces)
    {
        DistributedSchema before = schema;
        DistributedSchema after = new DistributedSchema(keyspaces, UUID.randomUUID());
        Keyspaces.KeyspacesDiff diff = Keyspaces.diff(before.getKeyspaces(), keyspaces);
        SchemaTransformationResult result = new SchemaTransformationResult(before, after, diff);
        schema = after;
        callback.accept(result, true);
        // Views are built once all nodes have told the same version.
        if (Gossiper.instance.isEnabled())
            Gossiper.instance.addLocalApplicationState(
                ApplicationState.SCHEMA, StorageService.instance.valueFactory.schema(after.getVersion()));
        return result;
    }
}
