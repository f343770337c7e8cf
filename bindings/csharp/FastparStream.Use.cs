using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Threading;

namespace Fastpar;

/// <content>Calls of the native library.</content>
public sealed unsafe partial class FastparStream
{
    /// <summary>Claims the stream for a call; refused while another call runs.</summary>
    [SuppressMessage("Maintainability", "CA1513", Justification = ".NET Standard has no ThrowIf.")]
    private void Begin(bool writing)
    {
        if (writes != writing)
        {
            throw new NotSupportedException(
                writing ? "this stream decompresses: it is read" : "this stream compresses: it is written to");
        }
        if (disposed)
        {
            throw new ObjectDisposedException(nameof(FastparStream));
        }
        if (!state.Take())
        {
            throw InUse();
        }
    }

    internal static InvalidOperationException InUse()
    {
        const string message = "the stream is being used, by another thread or by a caller of this one";
        return new InvalidOperationException(message, new FastparException(FastparStatus.Busy, message));
    }

    private static void CancelNative(object? stream) =>
        NativeMethods.fastpar_cancel(((FastparStream)stream!).handle.Cancel); // the call holds the handle

    /// <summary>
    /// A call on the native stream, by one thread at a time; the stream is free again after it.
    /// </summary>
    private readonly ref struct Use
    {
        private readonly FastparStream stream;
        private readonly Lease lease;
        private readonly CallThread.Visit visit;

        /// <summary>A synchronous call.</summary>
        internal Use(FastparStream stream, bool writing)
            : this(Claimed(stream, writing), asynchronous: false, default)
        {
        }

        /// <summary>A call on a stream that is claimed already.</summary>
        internal Use(FastparStream stream, bool asynchronous, CancellationToken token)
        {
            this.stream = stream;
            try
            {
                lease = new Lease(stream.handle);
            }
            catch (ObjectDisposedException)
            {
                stream.state.GiveBack();
                throw;
            }
            stream.state.Asynchronous = asynchronous;
            stream.state.Gathered = null;
            stream.state.Token = token;
            stream.state.Context = ExecutionContext.Capture();
            visit = new CallThread.Visit(stream.state);
        }

        /// <summary>
        /// The call has succeeded: a token that was cancelled since is not for the next one.
        /// </summary>
        internal void ForgetCancel()
        {
            if (!stream.disposed)
            {
                Volatile.Write(ref *stream.handle.Cancel, 0);
            }
        }

        /// <summary>An asynchronous call goes on: it frees the stream at its end.</summary>
        internal void KeepClaim() => stream.keepsClaim = true;

        internal void Write(ReadOnlySpan<byte> buffer)
        {
            WriteFew();
            WriteThrough(buffer);
        }

        /// <summary>
        /// The next bytes for an asynchronous call: of few bytes more than asked for, so that the next calls
        /// find theirs at once.
        /// </summary>
        internal int ReadAhead(Span<byte> buffer)
        {
            if (stream.fewStart < stream.fewEnd || buffer.Length >= Little)
            {
                return Read(buffer);
            }
            if (stream.few.Length < Little)
            {
                stream.few = new byte[Little];
            }
            stream.fewStart = stream.fewEnd = 0;
            int read = Read(stream.few);
            if (read <= 0)
            {
                return read;
            }
            stream.fewEnd = read;
            return Read(buffer);
        }

        /// <summary>
        /// The next bytes. What comes before a failure of the stream behind is given out first.
        /// </summary>
        internal int Read(Span<byte> buffer)
        {
            int ready = stream.fewEnd - stream.fewStart;
            if (ready > 0)
            {
                int taken = Math.Min(ready, buffer.Length);
                stream.few.AsSpan(stream.fewStart, taken).CopyTo(buffer);
                stream.fewStart += taken;
                return taken;
            }
            fastpar_error error;
            UIntPtr read;
            fixed (byte* data = &MemoryMarshal.GetReference(buffer))
            {
                int status = NativeMethods.fastpar_reader_read(
                    (fastpar_reader*)lease.Pointer, data, (UIntPtr)(uint)buffer.Length, &read, &error);
                if (status == NativeMethods.FASTPAR_ERR_AGAIN)
                {
                    return SourceAhead.Later;
                }
                if (status != NativeMethods.FASTPAR_OK || read == UIntPtr.Zero)
                {
                    End(status, &error);
                }
            }
            return checked((int)read);
        }

        internal void Flush()
        {
            WriteFew();
            fastpar_error error;
            End(NativeMethods.fastpar_writer_flush((fastpar_writer*)lease.Pointer, &error), &error);
        }

        internal void Finish()
        {
            WriteFew();
            stream.CheckSource();
            fastpar_error error;
            End(NativeMethods.fastpar_writer_finish((fastpar_writer*)lease.Pointer, &error), &error);
            stream.ended = true;
            stream.finished = true;
        }

        public void Dispose()
        {
            visit.Dispose();
            stream.state.ReleaseThreads();
            stream.state.Context = null;
            lease.Dispose();
            bool keeps = stream.keepsClaim;
            stream.keepsClaim = false;
            if (!keeps)
            {
                stream.state.GiveBack();
            }
            GC.KeepAlive(stream);
        }

        private static FastparStream Claimed(FastparStream stream, bool writing)
        {
            stream.Begin(writing);
            return stream;
        }

        /// <summary>Single bytes that were written before.</summary>
        private void WriteFew()
        {
            if (stream.fewEnd > 0)
            {
                int length = stream.fewEnd;
                stream.fewEnd = 0;
                WriteThrough(stream.few.AsSpan(0, length));
            }
        }

        private void WriteThrough(ReadOnlySpan<byte> buffer)
        {
            fastpar_error error;
            stream.CountSource(buffer.Length);
            fixed (byte* data = &MemoryMarshal.GetReference(buffer))
            {
                End(
                    NativeMethods.fastpar_writer_write(
                        (fastpar_writer*)lease.Pointer, data, (UIntPtr)(uint)buffer.Length, &error),
                    &error);
            }
        }

        /// <summary>
        /// Throws the exception of the call, if it has failed. Such a stream is not finished any more.
        /// </summary>
        private void End(int status, fastpar_error* error)
        {
            if (status == NativeMethods.FASTPAR_OK && !stream.state.HasFailed)
            {
                return;
            }
            stream.ended = true;
            var outcome = stream.state.Outcome(status, error, new ErrorSite { Reads = !stream.writes })!;
            if (stream.disposed && outcome.SourceException is not ObjectDisposedException)
            {
                throw new ObjectDisposedException("the stream was disposed during the call", outcome.SourceException);
            }
            outcome.Throw();
        }
    }
}
