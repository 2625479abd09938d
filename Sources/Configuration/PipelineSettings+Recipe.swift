import Basics

extension PipelineSettings {
    /// What a batch is made by, in 64 bits: trainer and samplers that agree on it make and expect the same batches.
    ///
    /// It depends on the graph, the seed, every setting of `walks`, `batch` and `hard_negatives`, `trainer.features`,
    /// `trainer.wire`, `validation.share`, and where there are hard negatives on the length of an epoch; and on nothing else, so that a
    /// run may go on with another number of workers or another learning rate.
    ///
    /// It is FNV-1a (64 bits) over the canonical text, one `key: value` line per setting as in `resolvedYAML`, below
    /// the line `recipe 3`, finished by SplitMix64's bijection. The number in that line counts changes of the way
    /// batches are drawn: raise it with every one, and older samplers are refused instead of mixed in.
    /// - Source: Fowler, Noll & Vo, "The FNV Non-Cryptographic Hash Algorithm", draft-eastlake-fnv.
    public func recipe(graphFingerprint: UInt64) -> UInt64 {
        let lines = recipeSettings.map { "\($0.key): \($0.value)\n" }.joined()
        let text = "recipe 3\ngraph: \(graphFingerprint)\n\(lines)"
        let hash = text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        return CounterBasedGenerator.mix(hash)
    }

    /// The settings that decide what is in a batch, by dotted key.
    public var recipeSettings: [(key: String, value: String)] {
        [
            ("seed", "\(seed)"), ("trainer.features", trainer.features.rawValue),
            ("trainer.wire", trainer.wire.rawValue),
        ]
            + [walkSection, batchSection, hardNegativeSection].flatMap { section in
                section.lines.map { ("\(section.name).\($0.key)", $0.value.yaml) }
            }
            + [("validation.share", "\(validation.share)")]
            + (usesHardNegatives ? [("training.batches_per_epoch", "\(training.batchesPerEpoch)")] : [])
    }
}
