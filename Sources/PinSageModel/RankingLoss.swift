import Basics
import Configuration
import Glibc
import Kernels
import Minibatches

/// The loss of a batch's pairs against their negatives, shared and hard. A negative that is its pair's query or positive
/// is skipped.
///
/// `max_margin`: max(0, z_q·z_n − z_q·z_p + Δ), averaged over the shared negatives and, separately, over the hard ones;
/// at a tie the derivative is 0. `softmax`: the cross entropy of p among {p} ∪ shared ∪ hard negatives, averaged over the
/// pairs; candidate c has the logit z_q·z_c / τ + γ·log(1 + boards of c).
///
/// - Source: Ying et al. 2018, arXiv 1806.01973, eq. 1 and §3.3.
final class RankingLoss {
    private let training: TrainingSettings
    private let kernels: Kernels
    // One row for each mention of a target: queries, positives, shared negatives, hard negatives.
    private let mentionBuffer = FloatBuffer()
    private let dMentionBuffer = FloatBuffer()
    /// γ·log(1 + boards) of each mention.
    private let logitOffsets = FloatBuffer()
    private var rows = FrameArray<Int32>(count: 0)
    private var offsets = FrameArray<Int32>([0])
    private var ones = FrameArray<Float>(count: 0)
    private let mentionsOfTarget = TransposedLists()

    init(_ training: TrainingSettings, kernels: Kernels) {
        self.training = training
        self.kernels = kernels
    }

    /// The loss, and its derivative by the embeddings.
    ///
    /// - Parameters:
    ///   - embeddings: targetCount × d.
    ///   - dEmbeddings: targetCount × d, overwritten.
    /// - Complexity: 3·(B·S + B·H)·d multiply-adds at most; allocates nothing once it has seen as large a batch.
    func run(_ embeddings: Matrix, batch: Minibatch, dEmbeddings: Matrix) -> RankingResult {
        let count = listMentions(batch)
        let mentions = mentionBuffer.matrix(rows: count, columns: embeddings.columns)
        let dMentions = dMentionBuffer.matrix(rows: count, columns: embeddings.columns)
        guard count > 0, let ids = unsafe UnsafePointer(rows.elements.baseAddress) else {
            preconditionFailure("RankingLoss: a batch without pairs")
        }
        unsafe kernels.gatherRows(ids, count: count, from: embeddings, into: mentions)
        let result = unsafe loss(batch, ids, mentions, dMentions)
        sumMentions(dMentions, into: dEmbeddings)
        return result
    }

    private func loss(
        _ batch: Minibatch, _ ids: UnsafePointer<Int32>, _ mentions: Matrix, _ dMentions: Matrix
    ) -> RankingResult {
        let pairs = batch.pairCount
        let shared = 2 * pairs..<2 * pairs + batch.sharedNegatives.count
        let hard = shared.upperBound..<shared.upperBound + batch.hardNegatives.count
        func problem(negatives: Range<Int>) -> PairProblem {
            unsafe PairProblem(
                queries: mentions.rows(0..<pairs), queryIDs: ids,
                positives: mentions.rows(pairs..<2 * pairs), positiveIDs: ids + pairs,
                negatives: mentions.rows(negatives), negativeIDs: ids + negatives.lowerBound,
                dQueries: dMentions.rows(0..<pairs), dPositives: dMentions.rows(pairs..<2 * pairs),
                dNegatives: dMentions.rows(negatives))
        }
        switch training.loss {
        case .maxMargin:
            let margin = Float(training.margin)
            let sharedResult = kernels.hingeLoss(problem(negatives: shared), margin: margin)
            return RankingResult(
                sharedResult, hard: kernels.hingeLossPerPair(problem(negatives: hard), margin: margin))
        case .softmax:
            unsafe writeLogitOffsets(batch, ids, mentions.rows)
            let offsets = unsafe UnsafePointer(logitOffsets.base)
            let softmax = unsafe SoftmaxProblem(
                shared: problem(negatives: shared), own: problem(negatives: hard),
                temperature: Float(training.temperature), positiveOffsets: offsets + pairs,
                sharedOffsets: offsets + shared.lowerBound, ownOffsets: offsets + hard.lowerBound)
            return RankingResult(kernels.softmaxLoss(softmax))
        }
    }

    private func writeLogitOffsets(_ batch: Minibatch, _ ids: UnsafePointer<Int32>, _ count: Int) {
        logitOffsets.reserve(count)
        let correction = training.popularityCorrection
        // Without it they were 0 from the start.
        guard correction > 0 else { return }
        for mention in 0..<count {
            let boards = unsafe batch.boardCounts.elements[Int(ids[mention])]
            unsafe logitOffsets.base[mention] = Float(correction * log1p(Double(boards)))
        }
    }

    /// Writes every mention's target row; returns how many there are.
    private func listMentions(_ batch: Minibatch) -> Int {
        let count = 2 * batch.pairCount + batch.sharedNegatives.count + batch.hardNegatives.count
        if rows.count < count {
            rows = FrameArray(count: count)
            offsets = FrameArray(0...Int32(count))
            ones = FrameArray(repeatElement(1, count: count))
        }
        var end = 0
        func append(_ part: FrameArray<Int32>) {
            _ = unsafe UnsafeMutableBufferPointer(rebasing: rows.elements[end...]).update(from: part.elements)
            end += part.count
        }
        append(batch.queries)
        append(batch.positives)
        append(batch.sharedNegatives)
        append(batch.hardNegatives)
        return count
    }

    /// dEmbeddings[r] = Σ of dMentions over the mentions of r: a pooling by the transposed mentions.
    private func sumMentions(_ dMentions: Matrix, into dEmbeddings: Matrix) {
        guard let offsets = unsafe offsets.elements.baseAddress, let ids = unsafe rows.elements.baseAddress,
            let ones = unsafe ones.elements.baseAddress
        else { return }
        let mentions = unsafe PoolLists(offsets: offsets, indices: ids, weights: ones, count: dMentions.rows)
        kernels.transpose(mentions, inputRows: dEmbeddings.rows, into: mentionsOfTarget)
        kernels.weightedPool(mentionsOfTarget.lists, from: dMentions, into: dEmbeddings)
    }

    var buffers: [FloatBuffer] { [mentionBuffer, dMentionBuffer, logitOffsets] }
    /// The index arrays, to see that they stay.
    var frames: [Frame] { [rows.frame, offsets.frame, ones.frame] }
}

extension HingeResult {
    /// Share of the counted hinges with a loss above 0.
    var activeShare: Double { counted == 0 ? 0 : Double(active) / Double(counted) }
}

/// What the loss of a batch came to.
struct RankingResult {
    let shared: Double
    /// 0 where there are no hard negatives, and with the softmax, which has one mean for all.
    let hard: Double
    let activeShare: Double
    let sharedActiveShare: Double
    /// Nil where there are no hard negatives, and with the softmax, which knows no hinges.
    let hardActiveShare: Double?

    init(_ shared: HingeResult, hard: HingeResult) {
        (self.shared, self.hard) = (shared.loss, hard.loss)
        (sharedActiveShare, hardActiveShare) = (shared.activeShare, hard.counted == 0 ? nil : hard.activeShare)
        let counted = shared.counted + hard.counted
        activeShare = counted == 0 ? 0 : Double(shared.active + hard.active) / Double(counted)
    }

    init(_ softmax: SoftmaxResult) {
        (shared, hard, activeShare) = (softmax.loss, 0, softmax.negativeShare)
        (sharedActiveShare, hardActiveShare) = (softmax.negativeShare, nil)
    }

    var loss: Double { shared + hard }
}
