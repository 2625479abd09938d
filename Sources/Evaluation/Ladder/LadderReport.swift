/// Rungs over seeds: means with intervals, each rung beside the one below it and beside the best simple method.
public struct LadderReport: Equatable, Sendable {
    /// Where the figures come from.
    public struct Setting: Equatable, Sendable, Encodable {
        public var config: String
        public var overrides: [String]
        public var graphFingerprint: String
        public var pins: Int
        public var boards: Int
        public var edges: Int
        public var pairs: Int
        public var seeds: [UInt64]
        public var batches: Int
        public var pairsPerBatch: Int
        public var instructionSet: String
        public var version: String

        public init(
            config: String, overrides: [String], graphFingerprint: String, pins: Int, boards: Int, edges: Int,
            pairs: Int, seeds: [UInt64], batches: Int, pairsPerBatch: Int, instructionSet: String, version: String
        ) {
            (self.config, self.overrides, self.graphFingerprint) = (config, overrides, graphFingerprint)
            (self.pins, self.boards, self.edges, self.pairs, self.seeds) = (pins, boards, edges, pairs, seeds)
            (self.batches, self.pairsPerBatch) = (batches, pairsPerBatch)
            (self.instructionSet, self.version) = (instructionSet, version)
        }
    }

    /// What was measured of one rung.
    public struct Measured: Sendable {
        public var rung: Rung
        /// Settings that differ from the configuration, `section.key=value`.
        public var changes: [String]
        /// One for each seed, or one alone where seeds make no difference.
        public var scores: [LadderScore]
        /// Of the trainings that were not interrupted.
        public var trainingSeconds: [Double]

        public init(rung: Rung, changes: [String], scores: [LadderScore], trainingSeconds: [Double]) {
            (self.rung, self.changes, self.scores, self.trainingSeconds) = (rung, changes, scores, trainingSeconds)
        }
    }

    public struct Row: Equatable, Sendable {
        public let name: String
        public let title: String
        public let sentence: String
        public let changes: [String]
        /// In the order of `LadderScore.figureNames`, here and below.
        public let figures: [Estimate]
        public let cold: [Estimate]?
        public let coverage: Estimate?
        public let trainingSeconds: Estimate?
        /// Ratios to the best simple method by each figure.
        public let toBestBaseline: [Estimate?]
    }

    public struct Step: Equatable, Sendable {
        public let rung: String
        public let below: String
        /// Ratios to the rung below.
        public let ratios: [Estimate?]
        /// The paper's.
        public let paper: Double?
    }

    public struct Climb: Equatable, Sendable, Encodable {
        public let name: String
        public let title: String
        /// Those that stand on another rung; the last is from bottom to top, where it is not the only one.
        public let steps: [Step]
    }

    public let setting: Setting
    public let rows: [Row]
    public let climbs: [Climb]
    public let baselines: [LadderScore.Baseline]
    /// The best simple method by each figure.
    public let best: [LadderScore.Baseline]

    /// - Precondition: rungs and baselines are not empty.
    public init(_ setting: Setting, rungs: [Measured], baselines: [LadderScore.Baseline]) {
        self.setting = setting
        self.baselines = baselines
        let figures = LadderScore.figureNames.indices
        let best = figures.map { figure in
            baselines.reduce(baselines[0]) { $1.score.figures[figure] > $0.score.figures[figure] ? $1 : $0 }
        }
        self.best = best
        rows = rungs.map { measured in
            let scores = measured.scores
            let cold = scores.compactMap(\.cold)
            let coverage = scores.compactMap(\.coverage)
            return Row(
                name: measured.rung.name, title: measured.rung.title, sentence: measured.rung.sentence,
                changes: measured.changes,
                figures: figures.map { figure in Estimate(scores.map { $0.figures[figure] }) },
                cold: cold.count == scores.count ? figures.map { figure in Estimate(cold.map { $0[figure] }) } : nil,
                coverage: coverage.count == scores.count ? Estimate(coverage) : nil,
                trainingSeconds: measured.trainingSeconds.isEmpty ? nil : Estimate(measured.trainingSeconds),
                toBestBaseline: figures.map { figure in
                    Estimate.ratio(scores.map { $0.figures[figure] }, to: [best[figure].score.figures[figure]])
                })
        }
        climbs = Ladder.all.compactMap { Self.climb($0, rungs) }
    }

    /// Nil where no two rungs stand on each other.
    private static func climb(_ ladder: Ladder, _ rungs: [Measured]) -> Climb? {
        let scores = Dictionary(uniqueKeysWithValues: rungs.map { ($0.rung.name, $0.scores) })
        func step(_ rung: String, above below: String, paper: Double?) -> Step? {
            guard let own = scores[rung], let other = scores[below] else { return nil }
            let ratios = LadderScore.figureNames.indices.map { figure in
                Estimate.ratio(own.map { $0.figures[figure] }, to: other.map { $0.figures[figure] })
            }
            return Step(rung: rung, below: below, ratios: ratios, paper: paper)
        }
        let chosen = ladder.steps(of: Set(scores.keys))
        var steps = chosen.compactMap { chosen in
            chosen.below.flatMap { step(chosen.rung, above: $0, paper: chosen.paper) }
        }
        if steps.isEmpty { return nil }
        if let bottom = chosen.first?.rung, let top = chosen.last?.rung, steps.count > 1 {
            let isWhole = bottom == ladder.steps.first?.rung && top == ladder.steps.last?.rung
            steps += [step(top, above: bottom, paper: isWhole ? ladder.paperInAll : nil)].compactMap(\.self)
        }
        return Climb(name: ladder.name, title: ladder.title, steps: steps)
    }

    func title(of rung: String) -> String { rows.first { $0.name == rung }?.title ?? rung }
}
