#if canImport(KernelsBFloat16)
    import KernelsBFloat16
#endif

/// The bare loops on bfloat16 pairs; nil where the architecture has none. Parameters are documented there.
@safe struct PairLoops: Sendable {
    typealias Input = UnsafePointer<Float>
    typealias Output = UnsafeMutablePointer<Float>
    typealias Pairs = UnsafePointer<Int32>
    typealias PairOutput = UnsafeMutablePointer<Int32>

    let panelWidth: @Sendable () -> Int
    let pairsOfRow: @Sendable (Int) -> Int
    let pairRows: @Sendable (Input, Int, Int, Int, PairOutput) -> Void
    let packPanel: @Sendable (Input, Int, Bool, Int, Int, Int, PairOutput) -> Void
    let multiplyRows: @Sendable (Pairs, Int, Int, Int, Pairs, Int, Output, Int, Bool, Input?, Bool, Input?, Int) -> Void
    let transposedProductScratch: @Sendable (Int, Int) -> Int
    let addTransposedProduct: @Sendable (Input, Int, Int, Input, Int, Int, Int, Output, Int, PairOutput) -> Void
    let registerDots: @Sendable (Int, Int32) -> Float

    #if canImport(KernelsBFloat16)
        static let all: PairLoops? = unsafe PairLoops(
            panelWidth: KernelsBFloat16.pairPanelWidth,
            pairsOfRow: KernelsBFloat16.pairsOfRow,
            pairRows: KernelsBFloat16.pairRows,
            packPanel: KernelsBFloat16.packPairPanel,
            multiplyRows: KernelsBFloat16.multiplyPairRows,
            transposedProductScratch: KernelsBFloat16.transposedPairScratch,
            addTransposedProduct: KernelsBFloat16.addTransposedPairProduct,
            registerDots: KernelsBFloat16.registerPairDots)
    #else
        static let all: PairLoops? = nil
    #endif
}
